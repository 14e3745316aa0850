/// A Duration stored as whole microseconds, in half the bytes: roles and sessions have several, and there may be ten thousand roles.
///
/// It is truncated towards zero, to the resolution of `Timestamp`.
@propertyWrapper package struct Microseconds: Hashable, Sendable {
  private var count: Int64

  package init(wrappedValue: Duration) { count = wrappedValue.microseconds }

  package var wrappedValue: Duration {
    get { .span(microseconds: count) }
    set { count = newValue.microseconds }
  }
}

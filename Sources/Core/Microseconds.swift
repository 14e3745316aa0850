/// Keeps a Duration as its whole microseconds, in half of its bytes: what a role or a session has of them is kept ten thousand times.
///
/// What is finer is cut off towards zero; instants (`Timestamp`) have no more either.
@propertyWrapper package struct Microseconds: Hashable, Sendable {
  private var count: Int64

  package init(wrappedValue: Duration) { count = wrappedValue.microseconds }

  package var wrappedValue: Duration {
    get { .span(microseconds: count) }
    set { count = newValue.microseconds }
  }
}

package import Core
package import Secrets
package import Wire

/// A session as outputs see it.
package protocol OutputCredential: AnyObject {
  var session: Session { get }
  /// Nil for a session that was never published, which isn't written to files.
  var generation: UInt64? { get }
  /// When it lapses.
  var lapses: Timestamp { get }

  func rendered(as format: OutputFormat, for role: RoleName) throws(FormatError) -> Secret
}

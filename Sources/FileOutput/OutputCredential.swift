package import Core
package import Secrets

/// A session as it goes into files: what the outputs have to know of it.
package protocol OutputCredential: AnyObject {
  var session: Session { get }
  /// nil for a session that was never published, which doesn't go into files.
  var generation: UInt64? { get }
  /// From when on it counts as lapsed.
  var lapses: Timestamp { get }

  func rendered(as format: CredentialFormat) -> Secret
}

package import Core
internal import JSON
package import Secrets

/// A session as it is handed out.
///
/// Its texts are printable ASCII without blanks, quotes, commas and backslashes, so that they are literal in every format; `init?`
/// is nil for others.
package struct SessionCredential {
  package let accessKeyID: String
  package let accessKeySecret: Secret
  package let securityToken: Secret
  package let expiration: UTCTime
  /// When the session was issued, by the server's time: some readers judge its age by it.
  package let issued: UTCTime

  package init?(
    accessKeyID: String, accessKeySecret: Secret, securityToken: Secret, expiration: UTCTime, issued: UTCTime
  ) {
    guard Self.isSuitable(Array(accessKeyID.utf8).span), accessKeySecret.withBytes({ Self.isSuitable($0) }),
      securityToken.withBytes({ Self.isSuitable($0) })
    else { return nil }
    self.accessKeyID = accessKeyID
    self.accessKeySecret = accessKeySecret
    self.securityToken = securityToken
    self.expiration = expiration
    self.issued = issued
  }

  /// Parses the JSON document that a command line gets from the socket.
  package init(parsing text: Span<UInt8>) throws(WireError) {
    let credential = try withJSON(text) { (root) throws(WireError) in
      SessionCredential(
        accessKeyID: try root.text("AccessKeyId"), accessKeySecret: try root.secret("AccessKeySecret"),
        securityToken: try root.secret("SecurityToken"), expiration: try root.time("Expiration"),
        issued: try root.time("LastUpdated"))
    }
    guard let credential else { throw .malformed("AccessKeyId, AccessKeySecret or SecurityToken") }
    self = credential
  }

  private static func isSuitable(_ text: Span<UInt8>) -> Bool { !text.isEmpty && text.isCredentialText }
}

extension JSONValue {
  fileprivate func secret(_ name: String) throws(WireError) -> Secret {
    guard let value = self[name] else { throw .missing(name) }
    guard value.kind == .string else { throw .malformed(name) }
    var buffer = SecretBuffer(capacity: 1024)
    value.copyString(into: &buffer)
    return buffer.finish()
  }
}

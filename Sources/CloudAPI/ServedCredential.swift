package import Core
internal import JSON
package import Secrets

/// A credential that a service on or beside this host hands out.
package struct ServedCredential {
  package let key: AccessKey
  /// Nil for a long-lived key.
  package let securityToken: Secret?
  /// Nil for a long-lived key.
  package let expiration: UTCTime?

  package init(key: AccessKey, securityToken: Secret?, expiration: UTCTime?) {
    self.key = key
    self.securityToken = securityToken
    self.expiration = expiration
  }
}

/// An answer that holds no credential that can be used.
package struct ServedCredentialUnusable: Error {
  /// A code of our own, or the service's.
  package let code: String
  /// Half a sentence; quotes nothing of the answer but names of members.
  package let why: String
}

extension ServedCredential {
  /// The maximum length of a document, in bytes; tokens have no limit of their own.
  package static let mostBytes = 65_536

  /// Reads the document of a credentials URI and of the ECS metadata service ("CredentialsURI" in the vendor's SDKs): `Code` is
  /// `Success`, and the four other members are there. Other members don't matter.
  package static func session(from body: Span<UInt8>) throws(ServedCredentialUnusable) -> ServedCredential {
    try parse(body) { (root) throws(AnswerFault) in
      let (id, secret) = try key(in: root)
      let token = try root.credential("SecurityToken", path: "")
      guard let expiration = UTCTime(try root.text("Expiration")) else { throw .badExpiration }
      return ServedCredential(
        key: AccessKey(id: id, secret: secret), securityToken: token, expiration: expiration)
    }
  }

  /// Reads KMS Agent's answer for a RAM secret, which is that of GetSecretValue (KMS API reference, 2016-01-20): `SecretData` is a
  /// text with `AccessKeyId` and `AccessKeySecret`.
  package static func kmsKey(from body: Span<UInt8>) throws(ServedCredentialUnusable) -> ServedCredential {
    let data: Secret = try parse(body) { (root) throws(AnswerFault) in
      guard let value = root["SecretData"], value.kind != .null else { throw .missing("SecretData") }
      guard value.kind == .string else { throw .malformed("SecretData") }
      var sink = CredentialSink(count: value.length)
      value.copyString(into: &sink)
      return sink.finish()
    }
    return try data.withBytes { (bytes) throws(ServedCredentialUnusable) in
      try parse(bytes) { (root) throws(AnswerFault) in
        let (id, secret) = try key(in: root)
        return ServedCredential(key: AccessKey(id: id, secret: secret), securityToken: nil, expiration: nil)
      }
    }
  }

  private static func key(in root: borrowing JSONValue) throws(AnswerFault) -> (id: String, secret: Secret) {
    let id = try root.credential("AccessKeyId", path: "")
    return (id.withBytes { $0.text(0..<$0.count) }, try root.credential("AccessKeySecret", path: ""))
  }

  private static func parse<Content>(
    _ text: Span<UInt8>, _ read: (borrowing JSONValue) throws(AnswerFault) -> Content
  ) throws(ServedCredentialUnusable) -> Content {
    guard text.count <= mostBytes else { throw ServedCredentialUnusable(code: "AnswerTooLong", why: "it is too long") }
    let document: JSONDocument
    do { document = try JSONDocument(text) } catch {
      throw ServedCredentialUnusable(code: "AnswerNotJSON", why: "it isn't JSON")
    }
    let root = document.root
    guard root.kind == .object else { throw ServedCredentialUnusable(code: "AnswerNotJSON", why: "it isn't an object") }
    if let code = root.errorCode, !AnswerFault.successCodes.contains(code) {
      throw ServedCredentialUnusable(code: code, why: "its Code is '\(code)' instead of 'Success'")
    }
    do {
      return try read(root)
    } catch {
      throw ServedCredentialUnusable(code: error.code, why: error.sentence)
    }
  }
}

extension AnswerFault {
  fileprivate var sentence: String {
    switch self {
    case .missing(let field): "it lacks '\(field.trimmed)'"
    case .malformed(let field): "it has something else than a credential in '\(field.trimmed)'"
    case .badExpiration: "its 'Expiration' isn't of the form YYYY-MM-DDThh:mm:ssZ"
    case .expired: "its credential has expired"
    case .tooLong: "it is too long"
    case .notJSON, .noCode, .insecure: "it isn't in the form of a credential"
    }
  }
}

extension String {
  /// Without the dot in front of a member of the document itself.
  fileprivate var trimmed: Substring { hasPrefix(".") ? dropFirst() : self[...] }
}

internal import Core
internal import JSON
internal import Secrets

/// Why an answer that arrived can't be used.
enum AnswerFault: Error {
  case tooLong, notJSON, noCode
  case missing(String)
  case malformed(String)
  case badExpiration, expired
  /// An address that isn't https.
  case insecure

  /// The success codes of the vendor's services, in those answers that have a code at all.
  static let successCodes = ["Success", "OK", "200"]

  /// Codes of our own, in addition to the cloud's.
  var code: String {
    switch self {
    case .tooLong: "AnswerTooLong"
    case .notJSON: "AnswerNotJSON"
    case .noCode: "AnswerWithoutCode"
    case .missing: "AnswerIncomplete"
    case .malformed: "AnswerMalformed"
    case .badExpiration: "AnswerBadExpiration"
    case .expired: "AnswerExpired"
    case .insecure: "AnswerInsecure"
    }
  }
}

extension JSONValue {
  var requestID: String? {
    guard let id = either("RequestId", "requestId")?.printable(most: 128), !id.isEmpty else { return nil }
    return id
  }

  var errorCode: String? {
    guard let code = either("Code", "code")?.printable(most: 64), !code.isEmpty else { return nil }
    return code
  }

  /// The string under either name; SDKs accept both spellings of an error's members.
  func either(_ name: String, _ other: String) -> String? {
    self[name]?.string() ?? self[other]?.string()
  }

  func text(_ name: String, path: String? = nil) throws(AnswerFault) -> String {
    var full: String { (path.map { "\($0)." } ?? "") + name }
    guard let value = self[name], value.kind != .null else { throw .missing(full) }
    guard let text = value.string() else { throw .malformed(full) }
    guard !text.isEmpty else { throw .missing(full) }
    return text
  }

  /// A part of a credential, which goes from the text straight into a secret.
  func credential(_ name: String, path: String) throws(AnswerFault) -> Secret {
    var full: String { "\(path).\(name)" }
    guard let value = self[name], value.kind != .null else { throw .missing(full) }
    guard value.kind == .string else { throw .malformed(full) }
    var sink = CredentialSink(count: value.length)
    value.copyString(into: &sink)
    guard sink.isCredentialText else { throw .malformed(full) }
    let secret = sink.finish()
    guard secret.count > 0 else { throw .missing(full) }
    return secret
  }
}

extension String {
  /// A foreign text in a form fit for logs: printable ASCII, no more than `most` characters.
  func printable(most: Int) -> String {
    if utf8.count <= most, utf8.allSatisfy({ $0.isVisible }) { return self }
    return String(decoding: utf8.lazy.filter(\.isVisible).prefix(most), as: UTF8.self)
  }
}

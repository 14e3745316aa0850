import Core
import FuzzSupport
import JSON
import Secrets

@testable import CloudAPI

/// The text of an AccessKey's file.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let text = Array(UnsafeBufferPointer(start: data, count: size))
  switch read(text) {
  case .success(let key):
    check(key)
    checkCuts(of: text, key)
  case .failure(let error):
    check(error, of: text)
  }
  return 0
}

private func read(_ text: [UInt8]) -> Result<AccessKey, AccessKeyFileError> {
  Result { () throws(AccessKeyFileError) in try AccessKeyFile.parse(text.span) }
}

private func check(_ key: AccessKey) {
  require(!key.id.isEmpty && key.id.utf8.allSatisfy(\.isCredentialText), "an id that can't be logged: \(key.id)")
  require(!key.id.hasPrefix("STS."), "a temporary key")
  require(key.secret.count > 0, "an empty secret")
  key.secret.withBytes { bytes in require(bytes.isCredentialText, "a secret that breaks what it is written into") }
  for form in [asTable(key), asJSON(key), asLines(key)] {
    guard case .success(let again) = read(form) else {
      return require(false, "a key is refused when it is written again")
    }
    require(isSame(again, key), "another key when written again")
  }
}

/// A file of JSON that is only half there is never a key, whatever is missing: the brace that ends it is.
private func checkCuts(of text: [UInt8], _ key: AccessKey) {
  guard text.last == UInt8(ascii: "}"), text.count < 512 else { return }
  let isJSON = (try? JSONDocument(text.span)) != nil
  guard isJSON else { return }
  for length in text.indices {
    guard case .failure = read(Array(text[..<length])) else { return require(false, "\(length) bytes are a key, too") }
  }
}

private func check(_ error: AccessKeyFileError, of text: [UInt8]) {
  let message = error.description
  require(!message.isEmpty && !message.contains("\n"), "a message that isn't one line: \(message)")
  // The seeds have it for their secret.
  require(!message.contains("MarkedSecret7"), "a message quotes the secret")
  guard let line = error.line else { return }
  let lines = text.count { $0 == UInt8(ascii: "\n") } + 1
  require((1...lines).contains(line), "line \(line) of \(lines)")
}

private func isSame(_ left: AccessKey, _ right: AccessKey) -> Bool {
  left.id.utf8.elementsEqual(right.id.utf8) && left.secret.hasSameBytes(as: right.secret)
}

private func bytes(of secret: Secret) -> [UInt8] {
  secret.withBytes { bytes in bytes.indices.map { bytes[$0] } }
}

/// In quotes, since a line that begins with `#` is a comment.
private func asTable(_ key: AccessKey) -> [UInt8] {
  Array("AccessKey Secret,AccessKey ID\r\n\"".utf8) + bytes(of: key.secret) + Array("\",\"\(key.id)\"\r\n".utf8)
}

private func asLines(_ key: AccessKey) -> [UInt8] {
  Array("ALIBABA_CLOUD_ACCESS_KEY_ID=\(key.id)\nALIBABA_CLOUD_ACCESS_KEY_SECRET='".utf8) + bytes(of: key.secret)
    + Array("'\n".utf8)
}

private func asJSON(_ key: AccessKey) -> [UInt8] {
  var json = JSONWriter([UInt8]())
  json.object { json in
    json.member("AccessKeyId", key.id)
    json.key("AccessKeySecret")
    key.secret.withBytes { json.string(utf8: $0) }
  }
  return json.finish()
}

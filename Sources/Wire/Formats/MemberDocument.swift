internal import Core
internal import Secrets

extension SessionCredential {
  /// A JSON object in one line, of `first` and the given members. No text of a credential needs escaping (`init?`).
  func document(_ members: [(StaticString, CredentialField)], after first: StaticString = "") -> Secret {
    var line = SecretBuffer(capacity: 160 + accessKeyID.utf8.count + accessKeySecret.count + securityToken.count)
    line.append("{")
    line.append(first)
    for (number, (name, field)) in members.enumerated() {
      line.append(number == 0 ? "\"" : ",\"")
      line.append(name)
      line.append("\":\"")
      line.append(value(of: field))
      line.append("\"")
    }
    line.append("}\n")
    return line.finish()
  }
}

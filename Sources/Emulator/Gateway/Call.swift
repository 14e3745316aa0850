/// A request parsed as far as its signature's version goes: the action, the key, and how it was signed.
///
/// Nothing in it is verified yet; `Gateway` does that.
struct Call: Sendable {
  enum Dialect: Sendable {
    /// HMAC-SHA1 over the parameters of query and form.
    case v1
    /// ACS3-HMAC-SHA256 over the request.
    case v3
  }

  enum Format: Sendable {
    case json
    case xml
  }

  let dialect: Dialect
  let action: String?
  let version: String?
  /// Query and form together.
  let parameters: Parameters
  let query: Parameters
  /// Nil unless the version is V3 and the header is valid.
  let authorization: ACS3Authorization?
  let keyID: String?
  let securityToken: String?
  let nonce: String?
  let timestamp: String?
  let format: Format

  /// Nil if query or form can't be decoded.
  init?(_ request: Request) {
    guard let query = Parameters(decoding: request.query.utf8) else { return nil }
    var parameters = query
    if request.hasFormBody {
      guard let form = Parameters(decoding: request.body) else { return nil }
      parameters.append(form)
    }
    self.parameters = parameters
    self.query = query
    if let authorization = request.header("authorization"), authorization.hasPrefix("ACS3-") {
      dialect = .v3
      action = request.header("x-acs-action")
      version = request.header("x-acs-version")
      self.authorization = ACS3Authorization(authorization)
      keyID = self.authorization?.keyID
      securityToken = request.header("x-acs-security-token")
      nonce = request.header("x-acs-signature-nonce")
      timestamp = request.header("x-acs-date")
      format = request.header("accept")?.lowercased().hasPrefix("application/xml") == true ? .xml : .json
    } else {
      dialect = .v1
      authorization = nil
      action = parameters["Action"]
      version = parameters["Version"]
      keyID = parameters["AccessKeyId"]
      securityToken = parameters["SecurityToken"]
      nonce = parameters["SignatureNonce"]
      timestamp = parameters["Timestamp"]
      // Without Format the answer is XML (the vendor's "Common parameters").
      format = parameters["Format"]?.lowercased() == "json" ? .json : .xml
    }
  }

  /// Nil for a version that no service has.
  var service: CloudService? { version.flatMap(CloudService.init) }

  /// The role named in RoleArn; nil if there is none.
  var role: RoleReference? { parameters["RoleArn"].flatMap(RoleReference.init) }
  var roleName: String? { role?.name }
}

/// `acs:ram::ACCOUNT:role/NAME`.
struct RoleReference: Sendable {
  let account: String
  let name: String

  init?(_ arn: String) {
    let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 5, parts[0] == "acs", parts[1] == "ram", parts[2].isEmpty,
      (1...32).contains(parts[3].utf8.count), parts[3].utf8.allSatisfy(Self.isDigit), parts[4].hasPrefix("role/")
    else { return nil }
    let name = String(parts[4].dropFirst("role/".count))
    guard Self.isRoleName(name) else { return nil }
    account = String(parts[3])
    self.name = name
  }

  /// 1–64 letters, digits, `.` and `-` (RAM, CreateRole, RoleName).
  static func isRoleName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { isLetterOrDigit($0) || ".-".utf8.contains($0) }
  }

  static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }
}

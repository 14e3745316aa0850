import Glibc
import Testing

@testable import Emulator

/// One entry of `Tests/Vectors/*.json`, made by running the vendor's own SDKs.
struct CloudVector: Sendable, CustomTestStringConvertible {
  let name: String
  let keyID: String
  let secret: String
  let stringToSign: String
  let request: Request

  var testDescription: String { name }

  /// The request's time, at which it is neither early nor late.
  var time: WallTime {
    get throws { try #require(Call(request)?.timestamp.flatMap(WallTime.init)) }
  }

  static let v1 = all("v1-rpc.json")
  static let v3 = all("v3-acs3.json")
  static let divergent = all("v1-rpc-divergent.json")
  static let unsigned = all("unsigned-rpc.json")

  /// A service that knows this vector's key: as a user's, or, with a token, as a role session's.
  func service() throws -> Cloud {
    let account = "1234567890123456"
    var model = AccountModel()
    var content = Account(id: account)
    content.add(User(name: "user", policies: [Policy(allowing: "sts:AssumeRole", "vod:*")]))
    for name in ["vod-uploader", "caller"] {
      content.add(
        Role(
          name: name, trust: Policy(trusting: ["acs:ram::\(account):root"]),
          policies: [Policy(allowing: "sts:AssumeRole", "vod:*")]))
    }
    model.add(content)
    if let token = Call(request)?.securityToken {
      let session = RoleSession(
        keyID: keyID, account: account, role: "caller", name: "session", expires: try time.advanced(bySeconds: 3600))
      model.add(session, token: token, secret: secret)
    } else {
      model.add(AccessKey(id: keyID, secret: secret, account: account, owner: .user("user")))
    }
    return Cloud(model: model, store: TestStore())
  }

  private static func all(_ file: String) -> [CloudVector] { entries(of: file).map(CloudVector.init) }

  /// The vectors in a file of `Tests/Vectors`; none if it can't be read.
  static func entries(of file: String) -> [PolicyValue] {
    let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    guard let stream = fopen("/\(tests)/Vectors/\(file)", "re") else { return [] }
    defer { fclose(stream) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, stream)
    let document = PolicyValue(json: String(decoding: bytes[..<count], as: UTF8.self))
    guard case .list(let entries)? = document?["vectors"] else { return [] }
    return entries
  }

  private init(_ entry: PolicyValue) {
    name = entry.text("name")
    keyID = entry.text("access_key_id")
    secret = entry.text("access_key_secret")
    // The string that a client with a divergent rule should have signed.
    stringToSign = entry.text("string_to_sign") + entry.text("string_to_sign_by_documented_rule")
    request = (entry["wire"] ?? .other).request
  }
}

extension PolicyValue {
  /// The request that a vector's `wire` describes.
  var request: Request {
    var headers: [Request.Header] = []
    if case .object(let members)? = self["headers"] {
      headers = members.compactMap { name, value in
        if case .string(let text) = value { Request.Header(name: name, value: text) } else { nil }
      }
    }
    return Request(method: text("method"), target: text("target"), headers: headers, body: Array(text("body").utf8))
  }

  /// Empty if there is no such string.
  func text(_ name: String) -> String {
    if case .string(let text)? = self[name] { text } else { "" }
  }
}

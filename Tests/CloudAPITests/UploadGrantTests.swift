import CloudAPI
import Core
import TestSupport
import Testing

@Suite struct UploadGrantTests {
  static let now = UTCTime("2026-01-02T03:04:05Z")!
  static let address =
    #"{"Endpoint":"https://oss-cn-shanghai.aliyuncs.com","Bucket":"outin-0001","FileName":"sv/目录/x.mp4"}"#
  static let auth =
    #"{"AccessKeyId":"STS.Nabc","AccessKeySecret":"wyLTSm","SecurityToken":"CAES+w/=","#
    + #""ExpireUTCTime":"2026-01-02T03:54:05Z","Expiration":"3000","Region":"cn-beijing"}"#

  @Test func `a complete answer gives a grant`() throws {
    let grant = try read(Self.body()).get()
    #expect(grant.requestID == "25818875-5F78")
    #expect(grant.videoID == "93ab850b4f6f44eab54b6e9181d4")
    #expect(grant.address.bucket == "outin-0001")
    #expect(grant.address.endpoint == "oss-cn-shanghai.aliyuncs.com")
    #expect(grant.address.key == "sv/目录/x.mp4")
    #expect(grant.address.region == "cn-shanghai")
    #expect(grant.credential.accessKeyID == "STS.Nabc")
    #expect(grant.credential.secret.text == "wyLTSm")
    #expect(grant.credential.token.text == "CAES+w/=")
    #expect(grant.credential.expires.description == "2026-01-02T03:54:05Z")
    #expect(grant.credential.region == "cn-beijing")
    var dumped = ""
    dump(grant, to: &dumped)
    for text in [dumped, String(reflecting: grant)] { #expect(!text.contains("wyLTSm") && !text.contains("CAES")) }
  }

  enum Form: String, CaseIterable {
    case unpadded, inLines, amongBlanks, forURLs

    func of(_ text: String) -> String {
      switch self {
      case .unpadded: text.replacing("=", with: "")
      case .inLines: text.enumerated().map { ($0.offset % 60 == 59 ? "\\r\\n" : "") + String($0.element) }.joined()
      case .amongBlanks: "  \(text)\\t "
      case .forURLs: text.replacing("+", with: "-").replacing("/", with: "_")
      }
    }
  }

  @Test(arguments: Form.allCases)
  func `base64 is accepted in any form`(_ form: Form) throws {
    // One of each length with a different padding.
    for filler in ["", "x", "xx"] {
      let auth = Self.auth.replacing("{", with: "{\"Filler\":\"\(filler)\",")
      let grant = try read(
        Self.body(address: form.of(base64(Self.address)), auth: form.of(base64(auth)), encoded: true)
      ).get()
      #expect(grant.credential.token.text == "CAES+w/=")
      #expect(grant.address.key == "sv/目录/x.mp4")
    }
  }

  struct Expiry: Sendable, CustomTestStringConvertible {
    let members: String
    let expires: String
    var testDescription: String { members }
  }

  @Test(arguments: [
    Expiry(members: #""ExpireUTCTime":"2026-01-02T03:54:05Z","Expiration":"60""#, expires: "2026-01-02T03:54:05Z"),
    Expiry(members: #""Expiration":"3000""#, expires: "2026-01-02T03:54:05Z"),
    Expiry(members: #""Expiration":3600"#, expires: "2026-01-02T04:04:05Z"),
    Expiry(members: #""ExpireUTCTime":"soon","Expiration":"3000""#, expires: "2026-01-02T03:54:05Z"),
    Expiry(members: #""ExpireUTCTime":null,"Expiration":"3000""#, expires: "2026-01-02T03:54:05Z"),
    // As the vendor's samples have them.
    Expiry(members: #""ExpireUTCTime":"3000","Expiration":"2026-01-02T04:04:05Z""#, expires: "2026-01-02T03:54:05Z"),
    Expiry(members: #""Expiration":"2026-01-02T04:04:05Z""#, expires: "2026-01-02T04:04:05Z"),
  ])
  func `an expiry time takes precedence over a number of seconds`(_ row: Expiry) throws {
    let auth = #"{"AccessKeyId":"STS.N","AccessKeySecret":"s","SecurityToken":"t",\#(row.members)}"#
    #expect(try read(Self.body(auth: auth)).get().credential.expires.description == row.expires)
  }

  @Test(arguments: [
    ("cn-shanghai", "cn-shanghai"), ("oss-cn-shanghai", "cn-shanghai"), ("ap-southeast-1", "ap-southeast-1"),
    ("", nil), ("shanghai", nil), ("cn-shanghai/x", nil), ("CN-SHANGHAI", nil), ("oss-oss-cn-shanghai", nil),
    ("cn--x", nil),
  ])
  func `an impossible region counts as none`(_ text: String, _ region: String?) throws {
    let auth = Self.auth.replacing("cn-beijing", with: text)
    #expect(try read(Self.body(auth: auth)).get().credential.region == region)
    #expect(try read(Self.body(auth: Self.auth.replacing("Region", with: "X"))).get().credential.region == nil)
  }

  struct Endpoint: Sendable, CustomTestStringConvertible {
    let text: String
    let host: String
    let region: String?
    var testDescription: String { text }
  }

  @Test(arguments: [
    Endpoint(text: "oss-cn-shanghai.aliyuncs.com", host: "oss-cn-shanghai.aliyuncs.com", region: "cn-shanghai"),
    Endpoint(
      text: "HTTPS://oss-cn-beijing-internal.aliyuncs.com/", host: "oss-cn-beijing-internal.aliyuncs.com",
      region: "cn-beijing"),
    Endpoint(
      text: "https://oss-ap-southeast-1.aliyuncs.com:443", host: "oss-ap-southeast-1.aliyuncs.com:443",
      region: "ap-southeast-1"),
    Endpoint(text: "oss-accelerate.aliyuncs.com", host: "oss-accelerate.aliyuncs.com", region: nil),
    Endpoint(text: "oss-accelerate-overseas.aliyuncs.com", host: "oss-accelerate-overseas.aliyuncs.com", region: nil),
    Endpoint(text: "oss.aliyuncs.com", host: "oss.aliyuncs.com", region: nil),
    Endpoint(
      text: "oss-cn-shanghai.aliyuncs.com.example.org", host: "oss-cn-shanghai.aliyuncs.com.example.org", region: nil),
    Endpoint(text: "https://127.0.0.1:8443", host: "127.0.0.1:8443", region: nil),
    Endpoint(text: "[::1]:8443", host: "[::1]:8443", region: nil),
  ])
  func `an endpoint comes with or without a scheme`(_ row: Endpoint) throws {
    let address = Self.address.replacing("https://oss-cn-shanghai.aliyuncs.com", with: row.text)
    let grant = try read(Self.body(address: address)).get()
    #expect(grant.address.endpoint == row.host)
    #expect(grant.address.region == row.region)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let body: String
    let code: String
    /// Words that the remedy must contain.
    let remedy: String
    var kind = VODFailure.Kind.transient
    var testDescription: String { name }

    init(_ name: String, _ body: String, code: String, _ remedy: String, kind: VODFailure.Kind = .transient) {
      (self.name, self.body, self.code, self.remedy, self.kind) = (name, body, code, remedy, kind)
    }

    init(address old: String, _ new: String, code: String, _ remedy: String, kind: VODFailure.Kind = .transient) {
      self.init(
        "\(old) → \(new)", UploadGrantTests.body(address: address.replacing(old, with: new)), code: code, remedy,
        kind: kind)
    }

    init(auth old: String, _ new: String, code: String, _ remedy: String) {
      self.init("\(old) → \(new)", UploadGrantTests.body(auth: auth.replacing(old, with: new)), code: code, remedy)
    }
  }

  @Test(arguments: [
    Case("no video", body().replacing("VideoId", with: "X"), code: "AnswerIncomplete", "'VideoId'"),
    Case("odd video", body().replacing("93ab", with: "93 ab"), code: "AnswerMalformed", "'VideoId'"),
    Case("no address", body().replacing("UploadAddress", with: "X"), code: "AnswerIncomplete", "'UploadAddress'"),
    Case("no auth", body().replacing("UploadAuth", with: "X"), code: "AnswerIncomplete", "'UploadAuth'"),
    Case("empty auth", body(auth: "", encoded: true), code: "AnswerIncomplete", "'UploadAuth'"),
    Case("auth of two letters", body(auth: "e", encoded: true), code: "AnswerMalformed", "'UploadAuth'"),
    Case("padding within", body(auth: "e3==e30=", encoded: true), code: "AnswerMalformed", "'UploadAuth'"),
    Case("too much padding", body(auth: "e30==", encoded: true), code: "AnswerMalformed", "'UploadAuth'"),
    Case("no base64", body(auth: "{}", encoded: true), code: "AnswerMalformed", "'UploadAuth'"),
    Case("no JSON", body(auth: "x"), code: "AnswerMalformed", "'UploadAuth'"),
    Case("a list", body(auth: "[]"), code: "AnswerMalformed", "'UploadAuth'"),
    Case("half", body(auth: String(auth.dropLast(9))), code: "AnswerMalformed", "'UploadAuth'"),
    Case(auth: "AccessKeyId", "X", code: "AnswerIncomplete", "'UploadAuth.AccessKeyId'"),
    Case(auth: "AccessKeySecret", "X", code: "AnswerIncomplete", "'UploadAuth.AccessKeySecret'"),
    Case(auth: "SecurityToken", "X", code: "AnswerIncomplete", "'UploadAuth.SecurityToken'"),
    Case(auth: "CAES+w/=", "", code: "AnswerIncomplete", "'UploadAuth.SecurityToken'"),
    Case(auth: "\"CAES+w/=\"", "null", code: "AnswerIncomplete", "'UploadAuth.SecurityToken'"),
    Case(auth: "CAES+w/=", "a\\nb", code: "AnswerMalformed", "'UploadAuth.SecurityToken'"),
    Case(auth: "\"wyLTSm\"", "7", code: "AnswerMalformed", "'UploadAuth.AccessKeySecret'"),
    Case(auth: "Expir", "X", code: "AnswerBadExpiration", "'UploadAuth'"),
    Case(auth: "03:54:05Z", "03:04:05Z", code: "AnswerExpired", "clock"),
    Case(
      "no lifetime", body(auth: #"{"AccessKeyId":"i","AccessKeySecret":"s","SecurityToken":"t","Expiration":0}"#),
      code: "AnswerExpired", "clock"),
    Case(
      "endless lifetime",
      body(auth: #"{"AccessKeyId":"i","AccessKeySecret":"s","SecurityToken":"t","Expiration":"9999999999"}"#),
      code: "AnswerBadExpiration", "'UploadAuth'"),
    Case(address: "https", "http", code: "AnswerInsecure", "clear", kind: .permanent),
    Case(address: "https", "ftp", code: "AnswerInsecure", "clear", kind: .permanent),
    Case(address: "aliyuncs.com", "aliyuncs.com/path", code: "AnswerMalformed", "'UploadAddress.Endpoint'"),
    Case(address: "https://oss", "https://a@oss", code: "AnswerMalformed", "'UploadAddress.Endpoint'"),
    Case(address: "aliyuncs.com", "aliyuncs.com:0", code: "AnswerMalformed", "'UploadAddress.Endpoint'"),
    Case(address: "aliyuncs.com", "aliyuncs.com:65536", code: "AnswerMalformed", "'UploadAddress.Endpoint'"),
    Case(address: "oss-cn-shanghai", "-oss", code: "AnswerMalformed", "'UploadAddress.Endpoint'"),
    Case(address: "oss-cn-shanghai", "", code: "AnswerMalformed", "'UploadAddress.Endpoint'"),
    Case(address: "outin-0001", "Outin.0001", code: "AnswerMalformed", "'UploadAddress.Bucket'"),
    Case(address: "outin-0001", "a", code: "AnswerMalformed", "'UploadAddress.Bucket'"),
    Case(address: "outin-0001", "", code: "AnswerIncomplete", "'UploadAddress.Bucket'"),
    Case(address: "sv/目录/x.mp4", "/x", code: "AnswerMalformed", "'UploadAddress.FileName'"),
    Case(address: "sv/目录/x.mp4", "..", code: "AnswerMalformed", "'UploadAddress.FileName'"),
    Case(address: "sv/目录/x.mp4", "a\\nb", code: "AnswerMalformed", "'UploadAddress.FileName'"),
    Case(
      address: "sv/目录/x.mp4", String(repeating: "a", count: 1024), code: "AnswerMalformed", "'UploadAddress.FileName'"),
    Case("HTML", "<html>", code: "AnswerNotJSON", "proxies"),
    Case("too long", String(repeating: " ", count: 65_537), code: "AnswerTooLong", "proxies"),
    Case(
      "an error", #"{"Code":"Throttling.User","RequestId":"r"}"#, code: "Throttling.User", "--calls-per-second",
      kind: .throttled(wait: nil)),
  ])
  func `an answer that can't be used is refused`(_ row: Case) {
    guard case .failure(let failure) = read(row.body) else {
      Issue.record("it was taken")
      return
    }
    #expect(failure.code == row.code)
    #expect(failure.kind == row.kind)
    #expect(failure.remedy.contains(row.remedy), "\(failure.remedy)")
    #expect(!String(reflecting: failure).contains("wyLTSm"))
  }

  @Test func `an answer with unknown members and a success code is accepted`() throws {
    let body = Self.body(
      address: Self.address.replacing("{", with: #"{"ObjectPrefix":"p","#),
      auth: Self.auth.replacing("{", with: #"{"New":[1],"#))
    #expect(try read(body.replacing("{\"RequestId", with: #"{"Code":"OK","RequestId"#)).get().videoID.hasPrefix("93ab"))
  }

  static func body(address: String = address, auth: String = auth, encoded: Bool = false) -> String {
    let (address, auth) =
      encoded ? (address == self.address ? base64(address) : address, auth) : (base64(address), base64(auth))
    return
      #"{"RequestId":"25818875-5F78","VideoId":"93ab850b4f6f44eab54b6e9181d4","UploadAddress":"\#(address)","UploadAuth":"\#(auth)"}"#
  }

  private func read(_ body: String) -> Result<UploadGrant, VODFailure> {
    VODResponse(httpStatus: 200, retryAfter: nil).uploadGrant(from: Array(body.utf8).span, now: Self.now)
  }
}

/// RFC 4648, section 4; only for tests.
func base64(_ text: String) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  var bits = text.utf8.map {
    String(repeating: "0", count: $0.leadingZeroBitCount) + ($0 == 0 ? "" : String($0, radix: 2))
  }.joined()
  while bits.count % 6 != 0 { bits += "0" }
  let digits = stride(from: 0, to: bits.count, by: 6).map { start -> Character in
    let from = bits.index(bits.startIndex, offsetBy: start)
    return alphabet[Int(bits[from..<bits.index(from, offsetBy: 6)], radix: 2)!]
  }
  return String(digits) + String(repeating: "=", count: (4 - digits.count % 4) % 4)
}

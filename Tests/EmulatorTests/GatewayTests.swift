import Testing

@testable import Emulator

/// The checks before an operation: key, time, token, signature, nonce, rate.
@Suite struct GatewayTests {
  @Test(arguments: [Shape.v1Query, .v3Query])
  func `a nonce works once`(_ shape: Shape) throws {
    var cloud = try TestCloud()
    let draft = Draft(action: "GetCallerIdentity", parameters: [:], nonce: "same", time: cloud.now.isoText)
    let request = draft.signed(by: .keeper, shape: shape)
    #expect(cloud.send(request).status == 200)
    #expect(cloud.send(request).code == "SignatureNonceUsed")
    #expect(cloud.send(draft.signed(by: .idle, shape: shape)).status == 200)
    // Until the end of its time, however far the clocks differ.
    cloud.now = cloud.now.advanced(bySeconds: 900)
    #expect(cloud.send(request).code == "SignatureNonceUsed")
    // Until its last second is over: times have whole seconds.
    let end = cloud.now
    cloud.now = WallTime(microseconds: end.microseconds + 999_999)
    #expect(cloud.send(request).code == "SignatureNonceUsed")
    cloud.now = end.advanced(bySeconds: 1)
    #expect(cloud.send(request).code == "InvalidTimeStamp.Expired")
  }

  @Test func `a request that is refused doesn't use up its nonce`() throws {
    var cloud = try TestCloud()
    let draft = Draft(action: "GetCallerIdentity", parameters: [:], nonce: "same", time: cloud.now.isoText)
    var forged = Key.keeper
    forged.secret = "guess"
    #expect(cloud.send(draft.signed(by: forged, shape: .v3Query)).code == "SignatureDoesNotMatch")
    #expect(cloud.send(draft.signed(by: .keeper, shape: .v3Query)).status == 200)
  }

  @Test func `used nonces are forgotten when their time is over`() {
    var nonces = NonceMemory()
    let start = WallTime(seconds: 0)
    for number in 0..<5000 {
      let now = start.advanced(bySeconds: Int64(number))
      let isNew = nonces.admit("\(number)", until: now.advanced(bySeconds: 10), at: now)
      #expect(isNew)
    }
    #expect(nonces.count < 2000)
    let isNewAgain = nonces.admit("4999", until: start, at: start.advanced(bySeconds: 4999))
    #expect(!isNewAgain)
    let isNewAtItsEnd = nonces.admit("4999", until: start, at: start.advanced(bySeconds: 5009))
    #expect(isNewAtItsEnd)
  }

  struct Skew: Sendable, CustomTestStringConvertible {
    let seconds: Int64
    let expect: String

    var testDescription: String { "\(seconds) s" }
  }

  @Test(arguments: [
    Skew(seconds: 0, expect: ""), Skew(seconds: 900, expect: ""), Skew(seconds: -900, expect: ""),
    Skew(seconds: 901, expect: "InvalidTimeStamp.Expired"), Skew(seconds: -901, expect: "InvalidTimeStamp.Expired"),
  ])
  func `a request may be 15 minutes off`(_ row: Skew) throws {
    for shape in [Shape.v1Query, .v3Query] {
      var cloud = try TestCloud()
      let time = cloud.now.advanced(bySeconds: row.seconds).isoText
      let draft = Draft(action: "GetCallerIdentity", parameters: [:], nonce: "n1", time: time)
      #expect(cloud.send(draft.signed(by: .keeper, shape: shape)).code == row.expect)
    }
  }

  @Test(arguments: [
    "2026-01-02 03:00:00", "2026-01-02T03:00:00", "2026-01-02T03:00:00.000Z", "2026-02-30T03:00:00Z",
    "2026-01-02T03:00:00+00:00", "Fri, 02 Jan 2026 03:00:00 GMT", "1767322800", "2026-13-02T03:00:00Z",
  ])
  func `a time has one form`(_ time: String) throws {
    for shape in [Shape.v1Query, .v3Query] {
      var cloud = try TestCloud()
      let draft = Draft(action: "GetCallerIdentity", parameters: [:], nonce: "n1", time: time)
      #expect(cloud.send(draft.signed(by: .keeper, shape: shape)).code == "InvalidTimeStamp.Format")
    }
  }

  @Test func `an account has a limited rate of AssumeRole requests`() throws {
    var cloud = try TestCloud()
    for _ in 0..<100 { #expect(cloud.send().status == 200) }
    let refused = cloud.send()
    #expect(refused.code == "Throttling.User" && refused.status == 400)
    #expect(cloud.send("GetCallerIdentity").status == 200)
    let other = ["RoleArn": TestCloud.arn("uploader")]
    #expect(cloud.send("AssumeRole", other, as: .other).code == "NoPermission")
    cloud.now = WallTime(microseconds: cloud.now.microseconds + 999_999)
    #expect(cloud.send().code == "Throttling.User")
    cloud.now = WallTime(microseconds: cloud.now.microseconds + 1)
    for _ in 0..<100 { #expect(cloud.send().status == 200) }
    #expect(cloud.send().code == "Throttling.User")
  }

  @Test func `users and roles of an account share its rate`() throws {
    var cloud = try TestCloud()
    let session = try cloud.assume("long")
    for _ in 0..<98 { _ = cloud.send() }
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("chained")], as: session).status == 200)
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("chained")], as: session).code == "Throttling.User")
  }

  @Test func `an account's rate can be set`() throws {
    var cloud = try TestCloud()
    for _ in 0..<2 { #expect(cloud.send(as: .other).code == "NoPermission") }
    #expect(cloud.send(as: .other).code == "Throttling.User")
  }

  @Test func `a new model has its new rate`() throws {
    var cloud = try TestCloud()
    for _ in 0..<100 { _ = cloud.send() }
    cloud.service.model = try AccountModel(
      toml: TestCloud.configuration.replacing(
        "[accounts.1234567890123456]\n", with: "[accounts.1234567890123456]\nrequests_per_second = 1\n"))
    #expect(cloud.send().status == 200)
    #expect(cloud.send().code == "Throttling.User")
  }

  @Test func `a token can't be changed in any place`() throws {
    var cloud = try TestCloud()
    let key = try cloud.assume()
    let token = Array(try #require(key.token).utf8)
    for place in token.indices {
      var forged = token
      forged[place] = forged[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      var other = key
      other.token = String(decoding: forged, as: UTF8.self)
      #expect(cloud.send("GetCallerIdentity", as: other).code == "InvalidSecurityToken.Malformed")
    }
  }

  @Test func `a token belongs to its key and to its emulator`() throws {
    var cloud = try TestCloud()
    let first = try cloud.assume()
    var mixed = try cloud.assume()
    mixed.token = first.token
    #expect(cloud.send("GetCallerIdentity", as: mixed).code == "InvalidSecurityToken.MismatchWithAccessKey")
    var user = Key.keeper
    user.token = first.token
    #expect(cloud.send("GetCallerIdentity", as: user).code == "InvalidSecurityToken.MismatchWithAccessKey")
    var bare = first
    bare.token = nil
    #expect(cloud.send("GetCallerIdentity", as: bare).code == "MissingSecurityToken")
    var guessed = first
    guessed.secret = "guess"
    #expect(cloud.send("GetCallerIdentity", as: guessed).code == "SignatureDoesNotMatch")
    var elsewhere = try TestCloud()
    #expect(elsewhere.send("GetCallerIdentity", as: first).code == "InvalidSecurityToken.Malformed")
  }

  @Test func `old sessions stay valid when new ones are issued`() throws {
    var cloud = try TestCloud()
    let first = try cloud.assume()
    cloud.now = cloud.now.advanced(bySeconds: 1800)
    let second = try cloud.assume()
    #expect(first.id != second.id && first.secret != second.secret)
    for key in [first, second] { #expect(cloud.send("GetCallerIdentity", as: key).status == 200) }
  }
}

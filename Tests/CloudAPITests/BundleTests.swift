import Core
import Secrets
import Testing

@testable import CloudAPI

@Suite struct BundleTests {
  static let session = """
    {"access_key_id":"STS.one","access_key_secret":"secret","security_token":"token","expiration":"2026-11-30T12:00:00Z",\
    "last_updated":"2026-11-30T11:00:00Z","generation":7,"shortest_life":2310,"role_arn":"acs:ram::1:role/x"}
    """

  private static func text(
    refresh: String = "540", roles: String = "{\"uploader\":\(session)}", host: String = "\"web7.example\""
  ) -> String { "{\"host\":\(host),\"tier\":\"tier1\",\"refresh_after\":\(refresh),\"roles\":\(roles)}" }

  private func read(_ text: String) throws(BundleUnusable) -> Bundle { try Bundle(reading: Array(text.utf8).span) }

  @Test func `a bundle has each role's session, or why there is none`() throws {
    let other = #"{"error":{"code":"NoPermission","message":"…","retry_after":30}}"#
    let bundle = try read(Self.text(roles: "{\"other\":\(other),\"uploader\":\(Self.session)}"))
    #expect(bundle.host == "web7.example" && bundle.tier == "tier1" && bundle.refreshAfter == .seconds(540))
    guard case .session(let session)? = bundle.roles[RoleName("uploader")!],
      case .absent(let absence)? = bundle.roles[RoleName("other")!]
    else {
      Issue.record("\(bundle.roles.keys)")
      return
    }
    #expect(session.assumed.accessKeyID == "STS.one" && session.generation == 7)
    #expect(session.assumed.accessKeySecret.withBytes { $0.text(0..<$0.count) } == "secret")
    #expect(session.assumed.securityToken.withBytes { $0.text(0..<$0.count) } == "token")
    #expect(session.assumed.expiration == UTCTime("2026-11-30T12:00:00Z"))
    #expect(session.issued == UTCTime("2026-11-30T11:00:00Z") && session.shortestLife == .seconds(2310))
    #expect(absence == Bundle.Absence(code: "NoPermission", retryAfter: .seconds(30)))
  }

  @Test(arguments: [("0", 5), ("4", 5), ("540", 540), ("3601", 3600), ("999999999", 3600)])
  func `the next request is made within 5 seconds to an hour, whatever the tier asks for`(text: String, seconds: Int)
    throws
  {
    #expect(try read(Self.text(refresh: text)).refreshAfter == .seconds(seconds))
    #expect(Bundle.refreshAfter(text) == .seconds(seconds))
  }

  @Test(arguments: ["", "-1", "soon", "1.5"])
  func `a header that is no number of seconds doesn't count`(text: String) {
    #expect(Bundle.refreshAfter(text) == nil)
  }

  @Test(arguments: [
    ("", "AnswerNotJSON", "it isn't JSON"),
    ("[]", "AnswerMalformed", "its 'the document' isn't of the form of a bundle's"),
    (text(host: "null"), "AnswerIncomplete", "it lacks 'host'"),
    (text(refresh: "-1"), "AnswerMalformed", "its 'refresh_after' isn't of the form of a bundle's"),
    (text(refresh: "\"540\""), "AnswerMalformed", "its 'refresh_after' isn't of the form of a bundle's"),
    (text(roles: "[]"), "AnswerIncomplete", "it lacks 'roles'"),
    (text(roles: "{\"Up\":\(session)}"), "AnswerMalformed", "its 'roles' isn't of the form of a bundle's"),
    (text(roles: "{\"x\":[]}"), "AnswerMalformed", "its 'roles.x' isn't of the form of a bundle's"),
    (
      text(roles: "{\"x\":\(session.replacing("\"token\"", with: "\"to ken\""))}"), "AnswerMalformed",
      "its 'roles.x.security_token' isn't of the form of a bundle's"
    ),
    (
      text(roles: "{\"x\":\(session.replacing("access_key_id", with: "id"))}"), "AnswerIncomplete",
      "it lacks 'roles.x.access_key_id'"
    ),
    (
      text(roles: "{\"x\":\(session.replacing("2026-11-30T12:00:00Z", with: "2026-11-30T10:00:00Z"))}"),
      "AnswerMalformed", "its 'roles.x.expiration' isn't of the form of a bundle's"
    ),
    (
      text(roles: "{\"x\":\(session.replacing("7", with: "-7"))}"), "AnswerMalformed",
      "its 'roles.x.generation' isn't of the form of a bundle's"
    ),
    (text(roles: "{\"x\":{\"error\":{}}}"), "AnswerIncomplete", "it lacks 'roles.x.error.code'"),
    (text(roles: "{\"x\":\(session),\"x\":\(session)}"), "AnswerNotJSON", "it isn't JSON"),
  ])
  func `what is missing or malformed makes all of it unusable`(text: String, code: String, why: String) {
    #expect(throws: BundleUnusable(code: code, why: why)) { _ = try read(text) }
  }

  @Test func `more than a mebibyte isn't read`() {
    let long = Self.text() + String(repeating: " ", count: Bundle.mostBytes)
    #expect(throws: BundleUnusable(code: "AnswerTooLong", why: "it is too long")) { _ = try read(long) }
  }

  @Test func `a bundle without roles is one, since a host may have none any more`() throws {
    #expect(try read(Self.text(roles: "{}")).roles.isEmpty)
  }
}

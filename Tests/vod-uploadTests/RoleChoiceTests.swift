import Testing

@testable import vod_upload

@Suite struct RoleChoiceTests {
  @Test func `the only role is taken, and of several one has to be named`() throws {
    #expect(try RoleChoice.only(of: ["uploader"]) == "uploader")
    do {
      _ = try RoleChoice.only(of: ["reports", "uploader"])
      Issue.record("one was taken")
    } catch { #expect("\(error)" == "name one of the roles that you may read with --role: reports, uploader") }
    do {
      _ = try RoleChoice.only(of: [])
      Issue.record("one was found")
    } catch { #expect("\(error)".hasPrefix("there is no role that you may read; ")) }
  }
}

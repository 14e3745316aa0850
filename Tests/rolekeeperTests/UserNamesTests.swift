import Testing

@testable import rolekeeper

@Suite struct UserNamesTests {
  @Test func `a user has the name of passwd, and a number where it names none`() {
    #expect(UserNames.name(0) == "root")
    #expect(UserNames.name(4_294_967_290) == "uid 4294967290")
  }
}

import Testing

@testable import Emulator

@Suite struct AccountModelTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let line: Int
    let problem: String

    init(_ text: String, line: Int, _ problem: String) {
      self.text = text
      self.line = line
      self.problem = problem
    }

    var testDescription: String { text }
  }

  @Test(arguments: [
    Case("accounts = 1", line: 1, "'accounts' is a table of tables"),
    Case(
      "[acounts.1]", line: 1, "'acounts' means nothing here; known are accounts, vod, oss, ecs, credentials_uri, kms"),
    Case("[accounts.x]", line: 1, "'x' is not an account id, a number of at most 32 digits"),
    Case("[accounts.1]\nrequests_per_second = 0", line: 1, "'requests_per_second' is 1 to 1000000"),
    Case("[accounts.1]\nrequests_per_second = \"9\"", line: 2, "'requests_per_second' is a whole number"),
    Case("[accounts.1]\naccess_keys = [{ id = \"a\" }]", line: 2, "an access key has 'id' and 'secret'"),
    Case(
      "[accounts.1]\naccess_keys = [{ id = \"a\", secret = \"b\" },\n{ id = \"a\", secret = \"c\" }]", line: 3,
      "access key 'a' is there already"),
    Case("[accounts.1.users.u]\npolicies = [\"None\"]", line: 1, "there is no policy 'None'"),
    Case("[accounts.1.users.u]\npolicies = [1]", line: 2, "'policies' is a list of strings"),
    Case(
      "[accounts.1.policies.p]\ndocument = '{}'", line: 1,
      "policy 'p' is longer than 6144 characters, or not in RAM's grammar, or has a condition whose value can't be read"
    ),
    Case("[accounts.1.roles.r]", line: 1, "a role has 'trust' or 'trust_policy'"),
    Case("[accounts.1.roles.\"r r\"]", line: 1, "'r r' is not a role name: 1 to 64 letters, digits, '.' or '-'"),
    Case(
      "[accounts.1.roles.r]\ntrust = [\"a\"]\nmax_session_duration = \"13h\"", line: 1,
      "'max_session_duration' is 1h to 12h"),
    Case(
      "[accounts.1.roles.r]\ntrust = [\"a\"]\nissued_lifetime = 12", line: 3,
      "'issued_lifetime' is a span such as \"12s\" or \"1h\""),
    Case(
      "[accounts.1.roles.r]\ntrust = [\"a\"]\ntoken_length = 16385", line: 1, "'token_length' is 1 to 16384"),
    Case(
      "[accounts.1.roles.r]\ntrust_policy = '{}'", line: 1,
      "'trust_policy' is not in RAM's grammar, has a condition whose value can't be read, or stands beside 'trust'"),
  ])
  func `an error is reported with its line`(_ row: Case) throws {
    let error = try #require(throws: AccountModelError.self) { try AccountModel(toml: row.text) }
    #expect(error.description == "configuration line \(row.line): \(row.problem)")
  }

  @Test func `text that isn't TOML is refused with its line`() throws {
    let error = try #require(throws: AccountModelError.self) { try AccountModel(toml: "[accounts.1]\n= 1\n") }
    #expect(error.line == 2)
  }

  @Test func `a complete configuration is read`() throws {
    let model = try AccountModel(
      toml: """
        [accounts.1]
        requests_per_second = 5
        access_keys = [{ id = "root", secret = "s" }]
        [accounts.1.policies.P]
        document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"vod:*","Resource":"*"}]}'
        [accounts.1.users.u]
        access_keys = [{ id = "a", secret = "b", active = false }]
        policies = ["P", "AdministratorAccess"]
        [accounts.1.roles.r]
        trust = ["acs:ram::1:root"]
        policies = ["P"]
        max_session_duration = "2h"
        issued_lifetime = "12s"
        """)
    let account = try #require(model.accounts["1"])
    #expect(account.requestsPerSecond == 5)
    #expect(account.users["u"]?.policies.count == 2)
    #expect(account.roles["r"]?.maxSessionSeconds == 7200)
    #expect(account.roles["r"]?.issuedLifetimeSeconds == 12)
    #expect(model.keys["root"]?.owner == .root)
    #expect(model.keys["a"]?.owner == .user("u") && model.keys["a"]?.isActive == false)
  }
}

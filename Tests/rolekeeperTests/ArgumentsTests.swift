import CommandInterface
import Core
import TestSupport
import Testing

@testable import rolekeeper

@Suite struct ArgumentsTests {
  private func arguments(_ words: String...) throws -> Arguments {
    guard case .command(let arguments) = try Invocation(words) else { throw NoCommand() }
    return arguments
  }

  private struct NoCommand: Error {}

  /// The sentence that these words are refused with; nil when they are taken.
  private func refusal(_ words: [String]) -> String? {
    do {
      _ = try Invocation(words)
      return nil
    } catch { return "\(error)" }
  }

  @Test func `options and a role may come in any order`() throws {
    let arguments = try arguments("--min-ttl", "1h30min", "get", "--wait=30s", "uploader", "--format", "env")
    #expect(arguments.command == .get && arguments.roles == ["uploader"] && arguments.format == .env)
    #expect(arguments.minTTL == WrittenTime("1h30min") && arguments.minTTL?.seconds == 5400)
    #expect(arguments.wait?.text == "30s" && arguments.socket == nil)
  }

  @Test func `get takes a field in place of the format, and a file for the output`() throws {
    let arguments = try arguments("get", "uploader", "--field", "expiration", "--output", "/run/app/end")
    #expect(arguments.field == .expiration && arguments.output == "/run/app/end" && arguments.format == .json)
  }

  @Test(arguments: CredentialFormat.allCases)
  func `the help lists each format`(format: CredentialFormat) {
    #expect(Usage.text(for: .get).contains("\n  \(format.rawValue) "))
  }

  @Test(arguments: CredentialField.allCases)
  func `the help lists each field`(field: CredentialField) {
    #expect(Usage.text(for: .get).contains("\n  \(field.rawValue) "))
  }

  @Test func `what follows two hyphens is no option`() throws {
    #expect(try arguments("get", "--", "uploader").roles == ["uploader"])
    #expect(try arguments("wait", "--timeout", "5s", "--", "a", "b").roles == ["a", "b"])
    #expect(refusal(["get", "--", "--help"])?.contains("'--help' can't be a role's name") == true)
  }

  @Test func `every word after the two hyphens of exec is the command's`() throws {
    let plain = try arguments("exec", "a", "--", "printf", "--", "--help", "%s")
    #expect(plain.roles == ["a"] && plain.program == ["printf", "--", "--help", "%s"])
    #expect(plain.format == .env && plain.renewal == .none && !plain.endsBeforeExpiry)
    let file = try arguments(
      "exec", "--format", "json", "a", "--renew", "signal=SIGUSR1", "--end-before-expiry", "--", "a")
    #expect(file.format == .json && file.renewal == .signal(10) && file.endsBeforeExpiry && file.program == ["a"])
    #expect(try arguments("exec", "a", "--renew=restart", "--", "x").renewal == .restart)
  }

  @Test func `every word after --exec is the command's`() throws {
    let arguments = try arguments("watch", "a", "--json", "--exec", "sh", "-c", "--", "--json")
    #expect(arguments.roles == ["a"] && arguments.isJSON && arguments.program == ["sh", "-c", "--", "--json"])
    #expect(try self.arguments("watch", "a").program == nil)
  }

  @Test func `the polkit rule is printed by check alone`() throws {
    #expect(try arguments("check", "--print-polkit").printsPolkit && !arguments("check").printsPolkit)
    #expect(refusal(["status", "--print-polkit"])?.contains("it belongs to 'check'") == true)
  }

  @Test func `the policies are printed by check alone, and not with the polkit rule`() throws {
    #expect(try arguments("check", "--print-policy").printsPolicies && !arguments("check").printsPolicies)
    #expect(refusal(["policy", "test", "a", "b:c", "*", "--print-policy"])?.contains("it belongs to 'check'") == true)
    #expect(refusal(["check", "--print-policy", "--print-polkit"])?.contains("don't go together") == true)
  }

  @Test func `policy test takes a role, an operation, a resource and conditions`() throws {
    let test = try arguments(
      "policy", "test", "a", "oss:PutObject", "acs:oss:*:*:b/x=y", "k=v=w", "l=", "--config", "c")
    #expect(test.command == .policy && test.roles == ["a"] && test.config == "c")
    #expect(test.policyTest == ["a", "oss:PutObject", "acs:oss:*:*:b/x=y", "k=v=w", "l="])
    #expect(try arguments("policy", "test", "a", "b:c", "*", "--scope", "t").policyTest == ["a/t", "b:c", "*"])
  }

  @Test(arguments: [
    ("policy", "'policy' takes 'test', a role's name, an operation and a resource"),
    ("policy tset a b:c *", "'policy' takes 'test'"),
    ("policy test a b:c", "'policy' takes 'test'"),
    ("policy test A b:c *", "'A' can't be a role's name"),
    ("policy test a PutObject *", "'PutObject' is no operation; write one as SERVICE:OPERATION"),
    ("policy test a oss:* *", "'oss:*' is no operation"),
    ("policy test a vod: *", "'vod:' is no operation; write one as SERVICE:OPERATION"),
    ("policy test a :PutObject *", "':PutObject' is no operation"),
    ("policy test a oss:Put:Object *", "'oss:Put:Object' is no operation"),
    ("policy test a b:c bucket", "'bucket' is no resource"),
    ("policy test a b:c * 10.0.0.1", "'10.0.0.1' is no condition; write it as KEY=VALUE"),
    ("policy test a b:c * =x", "'=x' is no condition"),
    ("policy test a b:c * --timeout 1s", "'policy' has no option '--timeout'"),
  ])
  func `a policy test that can't be asked is a mistake of usage`(words: String, says: String) throws {
    let said = try #require(refusal(words.split(separator: " ").map(String.init)))
    #expect(said.contains(says), "\(said)")
  }

  /// A line break in it once ended the request early: exit status 0, and no credential.
  @Test(arguments: [
    "up\nload", "up\r\nHost: x", "a b", "Uploader", "../x", "a?min_ttl=1", "a%20b", "", "-", "ä",
    String(repeating: "a", count: 33),
  ])
  func `a role is a name that a role can have, for every command`(name: String) throws {
    for command in ["get", "wait", "refresh", "status"] {
      let said = try #require(refusal([command, "--", name]))
      #expect(said.contains("can't be a role's name"), "\(command): \(said)")
      #expect(!said.contains("\n") && !said.contains("\r"), "\(said)")
    }
  }

  @Test func `more than can be waited for is a mistake of usage`() {
    #expect(refusal(["get", "a", "--wait", "70s"])?.contains("'--wait' is '70s'; allowed are 0s to 60s") == true)
    #expect(refusal(["get", "a", "--wait", "1h"])?.contains("'1h'") == true)
    #expect(refusal(["get", "a", "--wait", "1min"]) == nil)
  }

  struct Case: CustomStringConvertible, Sendable {
    let words: String
    let says: String

    var description: String { words }
  }

  @Test(arguments: [
    Case(words: "statsu", says: "unknown command 'statsu'; did you mean 'status'?"),
    Case(words: "refesh a", says: "did you mean 'refresh'?"),
    Case(words: "hepl", says: "did you mean 'help'?"),
    Case(words: "gte a", says: "did you mean 'get'?"),
    Case(words: "--sockt x status", says: "there is no option '--sockt'; did you mean '--socket'?"),
    Case(words: "help gett", says: "did you mean 'get'?"),
    Case(words: "download a", says: "commands are status, get, wait, watch, exec, check, policy, source, doctor, "),
    Case(words: "get a --mintl 3h", says: "'get' has no option '--mintl'; did you mean '--min-ttl'?"),
    Case(words: "get a --min_ttl 3h", says: "did you mean '--min-ttl'?"),
    Case(words: "get a --min 3h", says: "did you mean '--min-ttl'?"),
    Case(words: "get a --colour", says: "'get' has no option '--colour'; see 'rolekeeper get --help'"),
    Case(words: "get a --watch", says: "'get' has no option '--watch'; it belongs to 'status'"),
    Case(words: "check --min-ttl 3s", says: "it belongs to 'get' and 'wait' and 'exec'"),
    Case(words: "reload --json", says: "it belongs to 'status'"),
    Case(words: "check --json", says: "'--json' goes with '--online'"),
    Case(words: "check --role a", says: "'--role' goes with '--online'"),
    Case(words: "--vresion", says: "there is no option '--vresion'; did you mean '--version'?"),
    Case(words: "--socket", says: "'--socket' needs a value"),
    Case(words: "--socket= status", says: "'--socket' is empty; write a path"),
    Case(words: "status --json=yes", says: "'--json' takes no value"),
    Case(words: "--socket /x", says: "a command is missing"),
    Case(words: "status a b", says: "'status' takes one role's name, or none"),
    Case(words: "get a b", says: "'get' takes one role's name"),
    Case(words: "reload a", says: "'reload' takes no 'a'"),
    Case(words: "get a --format yaml", says: "'--format' is 'yaml'; formats are json, env, env-file, aws, "),
    Case(
      words: "get a --field token", says: "fields are access_key_id, access_key_secret, security_token, expiration, "),
    Case(words: "get a --field expiration --format env", says: "'--format' and '--field' don't go together"),
    Case(words: "get a --field expiration --template t", says: "'--field' and '--template' don't go together"),
    Case(words: "get a --format template", says: "'--format' is 'template'; write --template FILE"),
    Case(words: "get a --output=", says: "'--output' is empty; write a path"),
    Case(words: "status --field expiration", says: "it belongs to 'get'"),
    Case(words: "watch", says: "'watch' takes one role's name"),
    Case(words: "watch a --exec", says: "a command is missing after '--exec'"),
    Case(words: "watch a --exec=x", says: "'--exec' takes no value"),
    Case(words: "exec a", says: "'exec' takes one role's name, and a command after '--'"),
    Case(words: "exec a b -- c", says: "'exec' takes one role's name, and a command after '--'"),
    Case(words: "exec -- c", says: "'exec' takes one role's name, and a command after '--'"),
    Case(words: "exec a --", says: "a command is missing after '--'"),
    Case(words: "exec a --renew never -- c", says: "'--renew' is 'never'; write restart, signal=HUP or none"),
    Case(words: "exec a --renew signal=KILL -- c", says: "signals are HUP, INT, QUIT, USR1, USR2, TERM, WINCH"),
    Case(words: "exec a --renew signal=HUP -- c", says: "'--renew signal=…' needs a file"),
    Case(words: "get a --min-ttl 90", says: "'--min-ttl' is '90'; write a time such as 90s"),
    Case(words: "wait a --min-ttl -1s", says: "'--min-ttl' is '-1s'"),
    Case(words: "status --timeout 0s", says: "'--timeout' is '0s'; it is at least 1s"),
    Case(words: "wait a --timeout 0min", says: "'--timeout' is '0min'; it is at least 1s"),
  ])
  func `an error is reported with what to write instead`(_ row: Case) throws {
    let said = try #require(refusal(row.words.split(separator: " ").map(String.init)))
    #expect(said.contains(row.says), "\(said)")
  }

  @Test func `help is an option and a command, of everything and of one command`() throws {
    for words in [["help"], ["help", "help"], ["--help"], ["-h"], ["--socket", "x", "--help"]] {
      guard case .help(nil) = try Invocation(words) else { throw NoCommand() }
    }
    for words in [["help", "get"], ["get", "--help"], ["-h", "get"], ["get", "a", "--help"]] {
      guard case .help(.get) = try Invocation(words) else { throw NoCommand() }
    }
    guard case .nothing = try Invocation([]) else { throw NoCommand() }
    guard case .version = try Invocation(["--version"]) else { throw NoCommand() }
    // A value isn't looked at.
    #expect(try arguments("--socket", "--version", "status").socket == "--version")
  }

  @Test(arguments: Command.allCases)
  func `each command's help names each of its options`(command: Command) {
    let text = Usage.text(for: command)
    for option in Option.allCases where option.commands.contains(command) && option.commands.count <= 2 {
      #expect(text.contains(option.rawValue), "\(option)")
    }
    #expect(Usage.text(for: nil).contains("\n  \(command.rawValue) "))
  }

  @Test(arguments: Command.allCases)
  func `each command's help lists its own exit statuses`(command: Command) {
    let numbers = ExitStatus.entries(of: command).map(\.status)
    let own: [Command: [Int32]] = [
      .check: [0, 1, 2, 4, 77, 78], .policy: [0, 1, 2, 78], .source: [0, 1, 2, 4, 77, 78], .doctor: [0, 1, 2, 3],
      .whoHad: [0, 1, 2], .watch: [1, 2, 3, 4], .exec: [1, 2, 3, 4, 124, 126, 127],
    ]
    #expect(numbers == (own[command] ?? [0, 1, 2, 3, 4]))
    let text = Usage.text(for: command).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    for entry in ExitStatus.entries(of: command) + (command == .status ? ExitStatus.healthCheck : []) {
      #expect(text.contains(" \(entry.status) \(entry.meaning)"), "\(entry)")
    }
    #expect(Usage.text(for: command).split(separator: "\n").allSatisfy { $0.count <= 120 })
  }

  /// The two said different things of 3 and 4.
  @Test func `README and help say the same of each exit status`() throws {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let readme = try #require(FileText.read("\(root)/README.md"))
    let policy = ExitStatus.entries(of: .policy)
    for entry in ExitStatus.general + ExitStatus.healthCheck + ExitStatus.checks + policy + ExitStatus.sourceTests
      + ExitStatus.diagnoses
    {
      #expect(readme.contains("\n| \(entry.status) | \(entry.meaning) |\n"), "\(entry)")
    }
    let general = Usage.text(for: nil).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    for entry in ExitStatus.general { #expect(general.contains(" \(entry.status) \(entry.meaning)"), "\(entry)") }
  }

  @Test func `control characters of a word are shown escaped`() {
    #expect(quoted("a\nb\u{1B}[31m") == #"'a\nb\u{1B}[31m'"#)
    #expect(quoted(String(repeating: "x", count: 100)).count == 67)
  }
}

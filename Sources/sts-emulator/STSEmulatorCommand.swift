import ArgumentParser
import Emulator
import Glibc

@main
struct STSEmulatorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sts-emulator",
    abstract: "A local RAM and STS for demos and tests.",
    discussion: """
      Serves AssumeRole and GetCallerIdentity over TLS, with a certificate of its own authority. \
      When ready it prints a line, 'listening on https://ADDRESS:PORT', and with --control a second, \
      'control on http://ADDRESS:PORT'. SIGTERM and SIGINT end it with status 0.

      The configuration is TOML:

        [accounts.1234567890123456]
        # AssumeRole, of all its users and roles together
        requests_per_second = 100
        # the account's own, which may not assume roles
        access_keys = [{ id = "LTAIroot", secret = "…" }]

        [accounts.1234567890123456.policies.Upload]
        document = '''{"Version":"1","Statement":[
          {"Effect":"Allow","Action":"vod:*","Resource":"*"}]}'''

        [accounts.1234567890123456.users.keeper]
        access_keys = [{ id = "LTAIkeeper", secret = "…", active = true }]
        # or AdministratorAccess, or one of the account's policies
        policies = ["AliyunSTSAssumeRoleAccess"]

        [accounts.1234567890123456.roles.uploader]
        # or trust_policy = '''{…}'''
        trust = ["acs:ram::1234567890123456:root"]
        policies = ["Upload"]
        # 1h to 12h; 1h when left out
        max_session_duration = "12h"
        # sessions live no longer than this, whatever was asked
        issued_lifetime = "12s"
        # SecurityTokens have at least so many characters; STS sets no limit
        token_length = 1024

      With --control it makes faults, counts requests and sets its clock:

      \(STSEmulator.controlHelp.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
      """)

  @Option(help: ArgumentHelp("Accounts, users, keys, roles and policies, in TOML.", valueName: "file"))
  var config: String

  @Option(help: ArgumentHelp("Where to serve; port 0 takes a free one.", valueName: "address:port"))
  var listen = Endpoint(address: "127.0.0.1", port: 0)

  @Option(help: ArgumentHelp("Where to write the certificate authority's certificate, in PEM.", valueName: "file"))
  var caOut: String?

  @Option(
    help: ArgumentHelp(
      "Where to take control requests in plain HTTP; port 0 takes a free one.", valueName: "address:port"))
  var control: Endpoint?

  @Option(help: ArgumentHelp("One more name for the server's certificate; may be repeated.", valueName: "name"))
  var name: [String] = []

  func run() throws {
    // Before the first thread, so that all inherit the mask and the signals wait for sigwait.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    sigprocmask(SIG_BLOCK, &signals, nil)
    signal(SIGPIPE, SIG_IGN)

    var options = STSEmulator.Options()
    options.address = listen.address
    options.port = listen.port
    options.control = control.map { ($0.address, $0.port) }
    options.names += name
    let config = config
    let emulator = try STSEmulator(Self.realm(in: config), options: options, reload: { try Self.realm(in: config) })
    if let caOut { try TextFile.write(emulator.authorityPEM, to: caOut) }
    announce(emulator)
    var received: CInt = 0
    sigwait(&signals, &received)
    emulator.stop()
  }

  private func announce(_ emulator: STSEmulator) {
    var text = "listening on https://\(listen.address):\(emulator.port)\n"
    if let control, let port = emulator.controlPort { text += "control on http://\(control.address):\(port)\n" }
    // One unbuffered write, so that whoever reads the first line has both.
    _ = text.utf8CString.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count - 1) }
  }

  private static func realm(in path: String) throws -> Realm {
    let text = try TextFile.read(path)
    do {
      return try Realm(toml: text)
    } catch {
      throw ValidationError("'\(path)': \(error)")
    }
  }
}

/// `ADDRESS:PORT` of a command line.
struct Endpoint: ExpressibleByArgument {
  let address: String
  let port: UInt16

  init(address: String, port: UInt16) {
    self.address = address
    self.port = port
  }

  init?(argument: String) {
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, let port = UInt16(parts[1]) else { return nil }
    self.init(address: String(parts[0]), port: port)
  }

  var defaultValueDescription: String { "\(address):\(port)" }
}

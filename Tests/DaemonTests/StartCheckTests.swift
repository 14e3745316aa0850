import Glibc
import HTTPClient
import HTTPServer
import Identities
import LocalSockets
import Settings
import TestSupport
import Testing

@testable import Daemon

/// What only an attempt shows, and one fix for it: the right one for where the key comes from.
@Suite struct StartCheckTests {
  private let directory: TemporaryDirectory
  private let trials = StartCheck(daemonsUID: geteuid(), asRoot: { $0() }).trials

  init() throws { directory = try TemporaryDirectory() }

  private func key(_ text: String) throws -> String { try directory.write(text, to: "key", mode: 0o400) }

  private func passedKey(_ path: String) throws -> StartTrials.Finding? {
    let attempt = try #require(trials.passedKey)
    return attempt(path)
  }

  private static let sound = "AccessKey ID,AccessKey Secret\nLTAI123456789012,\(String(repeating: "s", count: 30))\n"

  @Test func `a sound key has nothing wrong with it`() throws {
    let path = try key(Self.sound)
    #expect(trials.keyFile(path) == nil && trials.credential(path) == nil)
    #expect(try passedKey(path) == nil)
  }

  /// "put the file there, owned by the daemon's user …; put the AccessKey there, readable by root alone …, and start the unit".
  @Test func `a missing key's file is to be made as who reads it needs it`() throws {
    let path = directory.path("none")
    let passed = try #require(try passedKey(path))
    #expect(
      passed.problem
        == "can't be used, by the unit's LoadCredential=: AccessKey file '\(path)': No such file or directory")
    #expect(
      passed.remedy
        == "put the AccessKey there, in a regular file that belongs to root and has mode 0400; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"
    )
    let own = try #require(trials.keyFile(path))
    #expect(own.problem == "can't be used: AccessKey file '\(path)': No such file or directory")
    #expect(own.remedy == "put the file there, owned by the daemon's user and with mode 0400")
    #expect(passed.severity == .error && own.severity == .error)
  }

  @Test func `a key that can be read and is wrong has the fix of its text`() throws {
    let path = try key("AccessKey ID,AccessKey Secret\n\(String(repeating: "s", count: 30)),LTAI123456789012\n")
    let passed = try #require(try passedKey(path))
    #expect(
      passed.remedy
        == "write the one that begins with LTAI as the id; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"
    )
    let own = try #require(trials.keyFile(path))
    #expect(own.remedy == "write the one that begins with LTAI as the id")
    let credential = try #require(trials.credential(path))
    #expect(
      credential.remedy.hasSuffix(
        "in that one, write the one that begins with LTAI as the id, then run: sudo systemctl restart rolekeeper"))
  }

  /// systemd copies it as root, whatever its mode: the check ended with 78, and the daemon used the key.
  @Test func `a key that the unit passes may be open to others, and the daemon's own may not`() throws {
    let path = try directory.write(Self.sound, to: "key", mode: 0o644)
    #expect(try passedKey(path) == nil)
    #expect(trials.keyFile(path)?.problem.contains("others than its owner may read it") == true)
  }

  @Test func `a key that looks cut off is a warning without the key`() throws {
    let path = try key("AccessKey ID,AccessKey Secret\nLTAI123456789012,abcdefghijA\n")
    for finding in [trials.keyFile(path), try passedKey(path), trials.credential(path)] {
      let finding = try #require(finding)
      #expect(finding.severity == .warning)
      #expect(
        finding.problem
          == "names '\(path)', with an AccessKey whose secret is shorter than 30 characters, which is unusual")
      #expect(!"\(finding)".contains("abcdef") && !"\(finding)".contains("LTAI"))
    }
  }

  /// A CA file that was just being replaced at a crash left the host without a daemon.
  @Test func `only a credential that isn't passed waits for a person`() {
    #expect(StartCheck.isForPerson(CredentialMissing(source: "main", name: "access-key")))
    #expect(!StartCheck.isForPerson(HTTPClientError.caFile(path: "/ca.pem", text: "it holds no certificate")))
  }

  @Test func `a password's file and its fix`() throws {
    let path = try directory.write("", to: "password", mode: 0o400)
    let finding = try #require(trials.proxyPassword(path))
    #expect(finding.problem == "can't be used: proxy password file '\(path)': empty")
    #expect(finding.remedy == "write the password into it")
  }

  /// A process of another user would keep the daemon from its socket; the daemon's own doesn't.
  @Test func `a socket is the daemon's or in its way`() throws {
    let path = directory.path("s")
    #expect(trials.socket(path) == nil && !trials.isListenedOn(path))
    let listener = try UnixListener(path: path, mode: 0o600)
    #expect(trials.isListenedOn(path))
    #expect(trials.socket(path) == nil)
    #expect(StartCheck(daemonsUID: nil, asRoot: nil).trials.socket(path) == nil)
    let others = try #require(StartCheck(daemonsUID: geteuid() + 1, asRoot: nil).trials.socket(path))
    #expect(others.severity == .error && others.problem.contains("belongs to a living process"))
    withExtendedLifetime(listener) {}
    #expect(StartCheck(daemonsUID: nil, asRoot: nil).trials.passedKey == nil)
  }

  /// 'check' found nothing wrong with them.
  @Test func `a certificate, a key and authorities that can't be used are named`() throws {
    let junk = try key("junk\n")
    #expect(
      trials.certificate(junk)?.problem
        == "can't be used: certificate '\(junk)': it holds no certificate in PEM form")
    #expect(trials.certificateKey(junk)?.problem == "can't be used: key '\(junk)': it holds no private key in PEM form")
    #expect(trials.sourceAuthorities(junk)?.problem.contains("it holds no certificate") == true)
    #expect(trials.sourceAuthorities("/etc/ssl/certs/ca-certificates.crt") == nil)
  }
}

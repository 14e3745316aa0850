import Glibc
import TestSupport

/// A host with rolekeeper installed by `make install` and STS played by the emulator, each as a service of a real systemd.
///
/// Its users: `reader` and `outsider` are of rolekeeper-clients, and the settings let `reader` alone read the role `uploader`, by its
/// group `media`; `stranger` is of neither group; `uploader` owns that role's files.
package final class InstalledHost: Sendable {
  package static let accessKeySecret = "marked-secret-of-the-AccessKey"
  /// As in the cloud: the daemon looks the name up and calls its port 443.
  package static let stsName = "sts.cn-hangzhou.aliyuncs.com"
  package static let control = "http://127.0.0.1:4434"
  private static let emulated = """
    [accounts.1234567890123456.users.keeper]
    access_keys = [
      { id = "LTAIkeeper", secret = "\(accessKeySecret)", active = true },
      { id = "LTAInext", secret = "\(accessKeySecret)", active = true },
    ]
    policies = ["AliyunSTSAssumeRoleAccess"]
    [accounts.1234567890123456.roles.uploader]
    trust = ["acs:ram::1234567890123456:root"]
    max_session_duration = "12h"
    [accounts.1234567890123456.roles.backup]
    trust = ["acs:ram::1234567890123456:root"]
    """

  package let box: Box

  /// `options` are those of the tool's `up`.
  package init(_ purpose: String, options: [String] = []) throws {
    box = try Box(purpose, options: options)
    let files = try TemporaryDirectory()
    try Self.install(into: files.path("root"))
    try box.copy(files.path("root"), to: "/")
    try box.copy(
      files.write(Self.accessKey, to: "access-key", mode: 0o400), to: "/etc/rolekeeper/access-key")
    try box.ask(
      """
      systemd-sysusers rolekeeper.conf
      systemd-tmpfiles --create rolekeeper.conf
      \(Self.makeUsers)
      systemctl daemon-reload
      journalctl --update-catalog
      """)
    try Self.playSTS(in: box)
  }

  package static let accessKey = "AccessKey ID,AccessKey Secret\nLTAIkeeper,\(accessKeySecret)\n"

  /// A script that makes the users above, but for the daemon's.
  package static let makeUsers = """
    groupadd --system media
    useradd --system --groups rolekeeper-clients,media reader
    useradd --system --groups rolekeeper-clients outsider
    useradd --system stranger
    useradd --system uploader
    """

  /// Starts the emulator as a service, which is there when this returns.
  package static func playSTS(in box: Box) throws {
    let files = try TemporaryDirectory()
    try box.copy(Programs.emulator, to: "/usr/local/bin/sts-emulator")
    try box.copy(files.write(Self.emulated, to: "ram.toml"), to: "/etc/sts-emulator.toml")
    let journal = try Journal.fromNow(in: box)
    try box.ask(
      """
      echo '127.0.0.1 \(Self.stsName)' >>/etc/hosts
      systemd-run --quiet --unit=sts-emulator --service-type=exec -p RuntimeDirectory=sts-emulator \
        /usr/local/bin/sts-emulator --config /etc/sts-emulator.toml --listen 127.0.0.1:443 --name \(Self.stsName) \
        --control \(Self.control.dropFirst("http://".count)) --ca-out /run/sts-emulator/ca.pem
      """)
    try journal.wait(for: "control on", from: "sts-emulator")
  }

  package static let sources = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")

  /// The repository's own `make install`, with the programs under test.
  package static func install(into directory: String) throws { try make("install", in: directory) }

  /// Runs `make` with more variables, and returns what it prints.
  @discardableResult
  package static func make(_ target: String, in directory: String, _ variables: String...) throws -> String {
    let made = try ChildProcess.run(
      [
        "/usr/bin/make", "-C", sources, target, "DESTDIR=\(directory)", "BIN=\(Programs.directory)",
      ] + variables)
    guard made.status == 0 else { throw BoxError(attempt: "make \(target)", said: made.errors) }
    return made.output
  }
}

import Core
import Testing

@testable import Settings

@Suite struct LoopbackFindingTests {
  @Test func `the addresses are read in their order, and without the table there are none`() {
    let loaded = FakeHost().load(soundSettings + "[loopback]\nlisten = [\"127.0.0.1:7180\", \"[::1]:7180\"]\n")
    #expect(loaded.diagnostics.map(\.description) == [])
    #expect(loaded.settings?.loopback?.addresses.map(\.description) == ["127.0.0.1:7180", "[::1]:7180"])
    #expect(FakeHost().load(soundSettings).settings.map { $0.loopback == nil } == true)
  }

  @Test(arguments: [
    Finding(
      "a name", "[loopback]\nlisten = [\"localhost:7180\"]",
      #":10: loopback.listen has 'localhost:7180', expected 127.0.0.1:PORT or [::1]:PORT, a literal with a port; write listen = ["127.0.0.1:7180"]"#
    ),
    Finding(
      "every address of the host, and one without a port", "[loopback]\nlisten = [\"0.0.0.0:80\",\n\"[::1]\"]",
      #":10: loopback.listen has '0.0.0.0:80', expected 127.0.0.1:PORT or [::1]:PORT, a literal with a port; write listen = ["127.0.0.1:80"]"#,
      #":11: loopback.listen has '[::1]', expected 127.0.0.1:PORT or [::1]:PORT, a literal with a port; write listen = ["[::1]:7180"]"#
    ),
    Finding(
      "twice", "[loopback]\nlisten = [\"127.0.0.1:7180\", \"127.0.0.1:7180\"]",
      ":10: loopback.listen has '127.0.0.1:7180' twice; remove one of them"),
    Finding(
      "too many",
      "[loopback]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:2\", \"127.0.0.1:3\", \"127.0.0.1:4\", \"127.0.0.1:5\"]",
      ":10: loopback.listen has 5, allowed are 4; remove the others"),
    Finding(
      "none", "[loopback]\nlisten = []",
      #":10: loopback.listen names no address; write listen = ["127.0.0.1:7180"], or take [loopback] out"#),
    Finding(
      "an empty table", "[loopback]",
      #":9: loopback.listen names no address; write listen = ["127.0.0.1:7180"], or take [loopback] out"#),
    Finding(
      "a port alone", "[loopback]\nlisten = 7180",
      #":10: loopback.listen is a whole number, expected a list of strings; set listen to a list of 127.0.0.1:PORT or [::1]:PORT each, or remove the line to use []"#
    ),
  ])
  func `anything but loopback literals is refused with what to write`(_ finding: Finding) { finding.check() }

  @Test func `a check with a unit that keeps the daemon from asking the kernel names the drop-in`() {
    func found(_ lines: String) -> [String] {
      var host = FakeHost()
      host.credentialsDirectory = nil
      host.files["/etc/rolekeeper/access-key"] = FakeHost.File(mode: 0o400)
      host.files["/usr/lib/systemd/system/rolekeeper.service"] = FakeHost.File(
        text: "[Service]\nUser=rolekeeper\nLoadCredential=access-key:/etc/rolekeeper/access-key\n\(lines)\n")
      host.files[FakeHost.path] = FakeHost.File(
        text: soundSettings + "[loopback]\nlisten = [\"127.0.0.1:7180\"]\n")
      let scope = CheckScope(unit: InstalledUnit(on: host), trials: .passing { _ in nil })
      return SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics.map(\.description)
        .filter { $0.contains("loopback") }
    }
    #expect(found("").isEmpty && found("RestrictAddressFamilies=~AF_PACKET").isEmpty)
    #expect(found("RestrictAddressFamilies=AF_UNIX AF_INET\nRestrictAddressFamilies=AF_NETLINK").isEmpty)
    for lines in ["RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "RestrictAddressFamilies=~AF_NETLINK"] {
      #expect(found(lines).count == 1 && found(lines)[0].contains("AF_NETLINK isn't in RestrictAddressFamilies="))
    }
  }

  /// The settings file says "a port below 32768", and nothing looked.
  @Test(arguments: [
    ("127.0.0.1:32768", "", true), ("[::1]:60999", "", true), ("127.0.0.1:32767", "", false),
    ("127.0.0.1:61000", "", false), ("127.0.0.1:40000", "8080,39999-40001", false), ("127.0.0.1:40000", "40001", true),
  ])
  func `a port that the kernel may give to a client is a warning, unless it is reserved`(
    address: String, reserved: String, warns: Bool
  ) {
    var host = FakeHost()
    host.files["/proc/sys/net/ipv4/ip_local_port_range"] = FakeHost.File(text: "32768\t60999\n")
    host.files["/proc/sys/net/ipv4/ip_local_reserved_ports"] = FakeHost.File(text: "\(reserved)\n")
    let text = soundSettings + "[loopback]\nlisten = [\"\(address)\"]\n"
    host.files[FakeHost.path] = FakeHost.File(text: text)
    let found = SettingsLoader(host: host, check: CheckScope(unit: nil)).load(FakeHost.path).diagnostics
      .map(\.description).filter { $0.contains("ip_local_reserved_ports") }
    #expect(
      found
        == (warns
          ? [
            "\(FakeHost.path):10: warning: loopback.listen has '\(address)', and the kernel gives ports from 32768 to 60999 to any client, so it may be taken when the daemon starts; choose a port below 32768, or add it to net.ipv4.ip_local_reserved_ports (sysctl.d(5))"
          ] : []))
    // The daemon itself has nothing to add: it reports an address that it can't have.
    #expect(!host.load(text).diagnostics.contains { $0.description.contains("ip_local") })
  }

  @Test func `a system file is read whole`() throws {
    let range = try #require(ClientPorts(of: SystemHost())).range
    #expect(range.upperBound >= 1024)
  }

  @Test func `a reload whose file has lost the table is refused`() throws {
    let before = try #require(FakeHost().load("[loopback]\nlisten = [\"127.0.0.1:7180\"]\n" + soundSettings).settings)
    let after = try #require(FakeHost().load(soundSettings).settings)
    let losses = after.difference(from: before).losses.map(\.description)
    #expect(losses.count == 1 && losses[0].contains("the loopback URI any more"))
  }
}

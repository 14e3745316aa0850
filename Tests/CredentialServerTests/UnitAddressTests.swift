import Core
import Testing

@testable import CredentialServer

/// Who asks, as far as systemd's address and the kernel's control groups say it.
@Suite struct UnitAddressTests {
  private static func address(_ text: String) -> UnitAddress? { UnitAddress([0] + Array(text.utf8)) }

  @Test(arguments: ["d58860a1684a9424", "58860a1684a942", "0", "F"])
  func `systemd's address names the unit and the credential, whatever its number's length`(_ number: String) throws {
    let address = try #require(Self.address("\(number)/unit/inst@a-b\\x2dc.service/uploader.env"))
    #expect(address.unit.description == "inst@a-b\\x2dc.service" && address.credential == "uploader.env")
  }

  @Test(
    arguments: [
      "", "/", "app.service/token", "1/app.service", "/unit/app.service/token", "1g/unit/app.service/token",
      "12345678901234567/unit/app.service/token", "1/unit/app.service/", "1/unit//token", "1/unit/app.timer/token",
      "1/unit/app/token", "1/unit/.service/token", "1/unit/app.service/to\nken", "1/unit/a b.service/token",
      "1/unit/app.service/tokén", "1/unit/\(String(repeating: "a", count: 250)).service/token",
    ])
  func `another form of address is nobody's`(_ text: String) { #expect(Self.address(text) == nil) }

  @Test func `a path isn't systemd's address, even one of that form`() {
    #expect(UnitAddress(Array("1/unit/app.service/token".utf8)) == nil && UnitAddress([]) == nil)
  }

  @Test func `an ID is a role, or a role and a format`() {
    #expect(RequestedCredential("uploader").map { [$0.role.description, $0.format.rawValue] } == ["uploader", "json"])
    #expect(RequestedCredential("uploader.json")?.format == .json && RequestedCredential("up_1-x.env")?.format == .env)
    for wrong in ["", ".", ".env", "uploader.", "uploader.xml", "uploader.env.env", "Uploader", "a b", "uploader.ENV"] {
      #expect(RequestedCredential(wrong) == nil, "\(wrong)")
    }
  }

  private static func unit(_ groups: String, managers: String = "0::/init.scope\n") -> String? {
    ManagedGroup(groups, managers: managers)?.unit
  }

  @Test func `a process's control group names its unit, in whatever slice and below whatever the unit makes`() {
    #expect(Self.unit("0::/system.slice/app.service\n") == "app.service")
    #expect(Self.unit("0::/app.service\n") == "app.service")
    #expect(Self.unit("0::/system.slice/system-inst.slice/inst@1.service/.control\n") == "inst@1.service")
    #expect(Self.unit("0::/system.slice/_memory.service\n") == "memory.service")
  }

  @Test func `of several hierarchies it is the one that the manager is in`() {
    let old = "4:cpu:/\n1:name=systemd:/init.scope\n0::/\n"
    #expect(Self.unit("4:cpu:/x\n1:name=systemd:/system.slice/app.service\n0::/\n", managers: old) == "app.service")
    let both = "4:cpu:/\n1:name=systemd:/init.scope\n0::/init.scope\n"
    #expect(Self.unit("1:name=systemd:/x.service\n0::/system.slice/app.service\n", managers: both) == "app.service")
    // As in a container of a host that has them all.
    let containers = "9:name=systemd:/\n8:pids:/\n0::/init.scope\n"
    #expect(
      Self.unit("9:name=systemd:/\n8:pids:/\n0::/system.slice/app.service\n", managers: containers) == "app.service")
  }

  @Test func `a unit of a user's manager, of root's too, and one in a container aren't the system's`() {
    let users = "0::/user.slice/user-0.slice/user@0.service/app.slice/app.service\n"
    #expect(Self.unit(users) == "user@0.service")
    let containers = "0::/machine.slice/systemd-nspawn@x.service/payload/system.slice/app.service\n"
    #expect(Self.unit(containers) == "systemd-nspawn@x.service")
  }

  @Test func `where the manager runs in a container itself, its groups begin below the container's`() {
    let manager = "0::/docker/7a/init.scope\n"
    #expect(Self.unit("0::/docker/7a/system.slice/app.service\n", managers: manager) == "app.service")
    #expect(Self.unit("0::/docker/7b/system.slice/app.service\n", managers: manager) == "docker")
  }

  @Test func `without systemd's hierarchy there is no unit`() {
    #expect(Self.unit("") == nil && Self.unit("4:cpu:/x.service\n") == nil && Self.unit("0::/\n") == nil)
    #expect(ManagedGroup("0::/system.slice/app.service\n", managers: "0::/\n") == nil)
  }
}

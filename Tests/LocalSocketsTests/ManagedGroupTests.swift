import Core
import Testing

@testable import LocalSockets

/// Which unit a process's control groups belong to.
@Suite struct ManagedGroupTests {
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

  @Test func `a process that connects itself counts by the system's units alone`() {
    func calling(_ path: String) -> String? {
      ManagedGroup("0::\(path)\n", managers: "0::/init.scope\n")?.callingUnit?.description
    }
    #expect(calling("/system.slice/app.service/worker") == "app.service")
    #expect(calling("/user.slice/user-1000.slice/user@1000.service/app.slice/app.service") == nil)
    #expect(calling("/user.slice/user-1000.slice/user@1000.service/init.scope") == nil)
    #expect(calling("/user.slice/user-1000.slice/session-3.scope") == nil)
    #expect(calling("/machine.slice/docker-7a.scope/system.slice/app.service") == nil)
    #expect(calling("/init.scope") == nil && calling("/") == nil)
  }

  @Test func `where the manager runs in a container itself, its groups begin below the container's`() {
    let manager = "0::/docker/7a/init.scope\n"
    #expect(Self.unit("0::/docker/7a/system.slice/app.service\n", managers: manager) == "app.service")
    #expect(Self.unit("0::/docker/7b/system.slice/app.service\n", managers: manager) == "docker")
  }

  /// A unit of the host counted as the container's unit of the same name.
  @Test func `a process outside of the manager's own groups counts as no unit's`() {
    func calling(_ path: String, managers: String = "0::/docker/7a/init.scope\n") -> String? {
      ManagedGroup("0::\(path)\n", managers: managers)?.callingUnit?.description
    }
    #expect(calling("/docker/7a/system.slice/app.service") == "app.service")
    for path in ["/system.slice/app.service", "/docker/7b/app.service", "/docker/7ab/app.service", "/app.service"] {
      #expect(calling(path) == nil, "\(path)")
    }
    #expect(calling("/../app.service", managers: "0::/init.scope\n") == nil)
  }

  @Test func `a group's name may have any character, and hides no line and no part`() {
    let managers = "2:x:/\n1:name=systemd:/init.scope\n"
    #expect(Self.unit("2:x:/a\r\n1:name=systemd:/app.service\n", managers: managers) == "app.service")
    #expect(Self.unit("0::/system.slice/app.service/\u{301}x\n") == "app.service")
  }

  @Test func `without systemd's hierarchy there is no unit`() {
    #expect(Self.unit("") == nil && Self.unit("4:cpu:/x.service\n") == nil && Self.unit("0::/\n") == nil)
    #expect(ManagedGroup("0::/system.slice/app.service\n", managers: "0::/\n") == nil)
  }
}

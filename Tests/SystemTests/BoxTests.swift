import Glibc
import SystemBox
import Testing
import TestNeeds
import TestSupport

/// The throwaway systemd itself: what a box can't do to the machine, and what it leaves.
@Suite(.serialized, .needs(.systemd)) struct BoxTests {
  /// What can be seen of a box from outside: its directory, its cgroup, and processes in its namespace.
  private struct Traces {
    let name: String
    let namespace: String

    init(of box: Box) throws {
      name = box.name
      namespace = try box.ask("readlink /proc/1/ns/pid")
    }

    /// Waits until there are none.
    func areGone() throws {
      try eventually("no trace of \(name)") { try Traces.find(name, namespace) == "" }
    }

    func found() throws -> String { try Traces.find(name, namespace) }

    private static func find(_ name: String, _ namespace: String) throws -> String {
      let script = """
        ls -d /run/rolekeeper-box-\(name) 2>/dev/null
        grep -l rolekeeper-box-\(name) /proc/[0-9]*/cgroup /proc/[0-9]*/mountinfo 2>/dev/null
        stat --format='%n %N' /proc/[0-9]*/ns/pid 2>/dev/null | grep -F '\(namespace)'
        mkdir /tmp/cgroups && mount -t cgroup2 cgroup2 /tmp/cgroups && ls -d /tmp/cgroups/rolekeeper-box-\(name) 2>/dev/null
        true
        """
      // In a /tmp of its own, which goes with it.
      return try ChildProcess.run(
        ["/usr/bin/unshare", "--mount", "bash", "-c", "mount -t tmpfs tmpfs /tmp; \(script)"]
      ).output
    }
  }

  private static func processes(_ box: Box, _ kind: String) throws -> Int32 {
    let listed = try box.call(["status"])
    let line = try #require(listed.output.split(separator: "\n").first { $0.hasPrefix("\(kind) ") })
    return try #require(Int32(line.dropFirst(kind.count + 1)))
  }

  @Test func `two boxes stand side by side, each with files, units, network and processes of its own`() throws {
    let (one, other) = try (Box("one"), Box("other"))
    for (box, port) in [(one, 4001), (other, 4002)] {
      try box.ask("echo \(box.name) >/etc/mark; echo \(box.name) >/run/mark")
      try box.ask("systemd-run --quiet --unit=mark --property=Type=exec sleep infinity")
      try box.ask("systemd-run --quiet --socket-property=ListenStream=127.0.0.1:\(port) --unit=port cat")
    }
    for (box, port, others) in [(one, 4001, 4002), (other, 4002, 4001)] {
      #expect(try box.ask("cat /etc/mark /run/mark; uname -n") == "\(box.name)\n\(box.name)\n\(box.name)")
      #expect(try box.ask("cat /proc/1/comm; cat /proc/[0-9]*/comm | grep --count '^sleep$'") == "systemd\n1")
      #expect(try box.script("exec 3<>/dev/tcp/127.0.0.1/\(port)").status == 0)
      #expect(try box.script("exec 3<>/dev/tcp/127.0.0.1/\(others)").status != 0)
      #expect(try box.ask("ls /sys/class/net") == "lo")
    }
    #expect(access("/etc/mark", F_OK) != 0 && access("/run/mark", F_OK) != 0)
    #expect(try one.ask("cat /proc/sys/kernel/random/boot_id") != other.ask("cat /proc/sys/kernel/random/boot_id"))
  }

  /// Each call is one that does nothing where it is allowed.
  @Test func `the root of a box can't set the machine's clock, nor do what else acts on all of the machine`() throws {
    let box = try Box("clock")
    // settimeofday(2) without a time: the kernel asks for the privilege first.
    let clock = """
      import ctypes, errno, os
      number = {"x86_64": 164, "aarch64": 170}[os.uname().machine]
      libc = ctypes.CDLL(None, use_errno=True)
      result = libc.syscall(number, None, None)
      print(result, errno.errorcode.get(ctypes.get_errno()))
      """
    let unit = "systemd-run --quiet --wait --pipe --collect"
    for prefix in ["", "\(unit) "] {
      #expect(try box.ask("\(prefix)/usr/bin/python3 -c '\(clock)'") == "-1 EPERM", "\(prefix)")
      let device = try box.script("\(prefix)mknod /dev/disk b 8 0")
      #expect(device.status != 0 && device.errors.contains("Operation not permitted"), "\(prefix)\(device)")
      let setting = try box.script("\(prefix)bash -c 'echo 5 >/proc/sys/kernel/printk_ratelimit'")
      #expect(setting.status != 0 && setting.errors.contains("Read-only file system"), "\(prefix)\(setting)")
    }
    // linux/capability.h: CAP_SYS_MODULE, SYS_RAWIO, SYS_BOOT, SYS_TIME, MKNOD and SYSLOG.
    for process in ["1", "self"] {
      let text = try box.ask("sed -n 's/^CapBnd:\\t//p' /proc/\(process)/status")
      let bounding = try #require(UInt64(text, radix: 16))
      for capability in [16, 17, 22, 25, 27, 34] {
        #expect(bounding >> capability & 1 == 0, "\(process) \(capability)")
      }
      // CAP_SYS_ADMIN, which systemd needs.
      #expect(bounding >> 21 & 1 == 1)
    }
  }

  enum End: String, CaseIterable, Sendable {
    case owner = "its owner is killed"
    case keeper = "its keeper is killed"
    case guardian = "its guard is killed"
    case limit = "its time is up"
    case down = "it is shut down"
    case now = "it is killed"
  }

  @Test(arguments: End.allCases)
  func `nothing is left of a box when`(_ end: End) throws {
    let directory = try TemporaryDirectory()
    let owner = try ChildProcess(["/usr/bin/sleep", "infinity"], in: directory)
    // The later of two equal options counts.
    let limit = end == .limit ? ["--limit", "3"] : []
    let box = try Box("end", options: ["--owner", "\(owner.pid)"] + limit)
    let traces = try Traces(of: box)
    // One that ignores what ends others, one in a session of its own, and one that is in no unit.
    try box.ask(
      "systemd-run --quiet --unit=stubborn --property=TimeoutStopSec=1s bash -c 'trap \"\" TERM HUP INT; sleep infinity'"
    )
    try box.ask("setsid --fork sleep infinity >/dev/null 2>&1")
    #expect(try traces.found() != "")
    switch end {
    case .owner: owner.signal(SIGKILL)
    case .keeper: kill(try Self.processes(box, "keeper"), SIGKILL)
    case .guardian: kill(try Self.processes(box, "guard"), SIGKILL)
    case .limit: break
    case .down: #expect(try box.call(["down"]).status == 0)
    case .now: #expect(try box.call(["down", "--now"]).status == 0)
    }
    if end == .down || end == .now { #expect(try traces.found() == "") }
    try traces.areGone()
    #expect(try box.run(["true"]).errors == "box: \(box.name): there is no such box\n")
  }

  @Test func `what boxes have left whose guard and keeper were both killed goes with the next one`() throws {
    let box = try Box("left")
    let traces = try Traces(of: box)
    let (keeper, guardian) = try (Self.processes(box, "keeper"), Self.processes(box, "guard"))
    kill(guardian, SIGSTOP)
    kill(keeper, SIGKILL)
    kill(guardian, SIGKILL)
    try eventually("its lock is free") {
      try ChildProcess.run(["/usr/bin/flock", "--nonblock", "/run/rolekeeper-box-\(box.name)", "true"]).status == 0
    }
    #expect(try traces.found() != "")
    _ = try Box("next")
    try traces.areGone()
  }

  @Test func `a box that doesn't come up says the step and what systemd printed, and leaves nothing`() throws {
    func fail(_ options: String...) throws -> String {
      do {
        _ = try Box("failing", options: options)
        return ""
      } catch let failure as BoxError { return failure.said }
    }
    #expect(try fail("--bind", "/nowhere:/mnt").contains("cannot bind files: mount of /nowhere"))
    #expect(try fail("--root", "/nowhere").contains("cannot lay a layer over the files: "))
    let slow = try fail("--timeout", "0.05")
    #expect(slow.contains("it isn't up in time; its console:\n"))
    let directory = try TemporaryDirectory()
    let unit = try directory.write(
      "[Unit]\nDescription=Failing part\n[Service]\nType=oneshot\nExecStart=/bin/false\n", to: "unit")
    let failed = try fail("--bind", "\(unit):/usr/lib/systemd/system/systemd-user-sessions.service")
    #expect(failed.contains("Failing part"), "\(failed)")
    #expect(access("/run/rolekeeper-box-failing-\(getpid())", F_OK) != 0)
    #expect(try fail("--owner", "\(Int32.max)").contains("No such process"))
  }

  @Test
  func `rebooted it keeps its files and its id, and has all else anew; what is enabled for its target is started`()
    throws
  {
    let box = try Box("reboot", options: ["--require", "multi-user.target"])
    let traces = try Traces(of: box)
    try box.ask(
      """
      echo mark | tee /etc/mark >/run/mark
      mkdir -p /etc/systemd/system
      printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=true\\n[Install]\\nWantedBy=multi-user.target\\n' \
        >/etc/systemd/system/mark.service
      systemctl enable mark.service 2>/dev/null
      setsid --fork sleep infinity >/dev/null 2>&1
      """)
    let ids = "cat /etc/machine-id /proc/sys/kernel/random/boot_id"
    let before = try box.ask(ids).split(separator: "\n")
    try box.reboot()
    let after = try box.ask(ids).split(separator: "\n")
    #expect(before.count == 2 && after.count == 2 && after[0] == before[0] && after[1] != before[1])
    #expect(try box.ask("cat /etc/mark; ls /run/mark 2>/dev/null || true") == "mark")
    #expect(try box.ask("systemctl is-active multi-user.target mark.service") == "active\nactive")
    #expect(try box.script("pgrep -x sleep").output == "")
    let rebooted = try Traces(of: box)
    #expect(rebooted.namespace != traces.namespace)
    let others = try ChildProcess.run(["/bin/bash", "-c", "stat --format=%N /proc/[0-9]*/ns/pid 2>/dev/null; true"])
    #expect(others.output.contains(rebooted.namespace) && !others.output.contains(traces.namespace))
    #expect(try box.call(["down"]).status == 0)
    #expect(try rebooted.found() == "")
  }

  @Test func `the same name isn't given to a second box`() throws {
    let box = try Box("twice")
    let second = try box.call(["up"])
    #expect(second.status == 1 && second.errors == "box: \(box.name): it is up already\n")
    #expect(try box.ask("echo alive") == "alive")
  }

  @Test func `a program in a box has the user, the variables, the unit and the end that were asked for`() throws {
    let box = try Box("exec")
    try box.ask("groupadd --system extra; useradd --system --create-home --groups extra someone")
    let ids = try box.ask("id --name --user; id --name --groups; echo $HOME; pwd", as: "someone")
    #expect(ids == "someone\nsomeone extra\n/home/someone\n/")
    #expect(try box.script("kill -KILL $$").status == 137 && box.script("exit 78").status == 78)
    #expect(try box.run(["no-such-program"]).status == 127)
    #expect(try box.run(["true"], as: "nobody-here").errors.contains("there is no user 'nobody-here' in it"))
    let variable = try box.call(["exec", "--env", "A=b c", "--", "bash", "-c", "echo $A; env | grep -c ."])
    #expect(variable.output.hasPrefix("b c\n"))
    let unit = try box.call(
      ["exec", "--unit", "who", "--user", "someone", "--", "bash", "-c", "id --name --user; cat /proc/self/cgroup"])
    #expect(unit.output.hasPrefix("someone\n") && unit.output.contains("/system.slice/who.service\n"), "\(unit)")
    #expect(try box.ask("tail --lines=1 /proc/self/cgroup") == "0::/exec")
    #expect(
      try box.call(["journal", "--", "--unit", "who", "--output=cat"]).output.contains("Deactivated successfully"))
  }

  @Test func `files and directories are copied with their modes, and replace older ones`() throws {
    let box = try Box("copy")
    let directory = try TemporaryDirectory()
    try box.copy(directory.write("one\n", to: "file", mode: 0o640), to: "/etc/new/place")
    let before = try box.ask("stat --format='%a %U %i' /etc/new/place; cat /etc/new/place")
    #expect(before.hasPrefix("640 root ") && before.hasSuffix("\none"))
    try box.copy(directory.write("two\n", to: "file"), to: "/etc/new/place")
    let after = try box.ask("stat --format='%a %U %i' /etc/new/place; cat /etc/new/place; ls /etc/new")
    #expect(after.hasSuffix("\ntwo\nplace") && after.split(separator: "\n")[0] != before.split(separator: "\n")[0])
    chmod(directory.path, 0o700)
    let root = try box.ask("stat --format=%a /")
    try box.copy(directory.path, to: "/")
    #expect(try box.ask("cat /file; stat --format=%a /") == "two\n\(root)")
  }

  @Test func `a box's clocks since boot are moved for it alone`() throws {
    let box = try Box("time", options: ["--boottime", "100000", "--monotonic", "50000"])
    func uptime(_ text: String?) -> Double { text?.split(separator: " ").first.flatMap { Double($0) } ?? 0 }
    let before = uptime(FileText.read("/proc/uptime"))
    let inside = try uptime(box.ask("cat /proc/uptime"))
    let after = uptime(FileText.read("/proc/uptime"))
    #expect(before <= inside - 100_000 && inside - 100_000 <= after)
    #expect(try box.ask("awk '/^monotonic/ { print $2 }' /proc/1/timens_offsets") == "50000")
  }
}

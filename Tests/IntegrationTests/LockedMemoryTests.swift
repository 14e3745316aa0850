import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// Secrets are kept out of swap and of dumps.
@Suite(.serialized) struct LockedMemoryTests {
  @Test(.needs(.root)) func `the secrets of a running daemon lie in locked pages that no dump would hold`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let credentials = try ["uploader", "reports"].map { try lab.credential($0) }
    let memory = try ProcessMemory(of: daemon.child.pid)
    defer { memory.close() }
    for secret in [RealmDraft.key.secret] + credentials.map(\.secret) {
      let locked = memory.regions.filter { $0.flags.isSuperset(of: ["lo", "dd"]) }
      #expect(locked.reduce(0) { $0 + memory.occurrences(of: secret, in: $1) } >= 1)
    }
    // What signs lives as long as the daemon; libraries must not have kept it.
    let elsewhere = memory.regions.filter { !$0.flags.contains("lo") }
      .filter { memory.occurrences(of: RealmDraft.key.secret, in: $0) > 0 }
    #expect(elsewhere.map(\.name) == [], "the AccessKey's secret outside of the locked pages")
    #expect(try locked(daemon) > 0)
    #expect(try Self.figure("rolekeeper_secrets_locked_bytes", daemon) == locked(daemon))
    #expect(try Self.figure("rolekeeper_secrets_unlocked_bytes", daemon) == 0)
    #expect(daemon.logLines("some secrets aren't locked").isEmpty)
  }

  @Test(.needs(.root)) func `where little may be locked the daemon works, and says once what isn't`() throws {
    let lab = try Lab(RealmDraft(lifetime: "4s"))
    for path in [lab.directory.path, lab.configPath, lab.draft.keyPath, lab.emulator.authorityPath] {
      chown(path, Person.reader, Person.reader)
    }
    let daemon = try lab.start(
      wrapper: ["/usr/bin/prlimit", "--memlock=65536:65536"] + Person.words(Person.reader, groups: []))
    let events = try daemon.events()
    for _ in 0..<4 { try lab.await(events) { $0.kind == .rotated } }
    _ = try lab.credential("uploader")
    #expect(try locked(daemon) <= 65_536)
    #expect(try Self.figure("rolekeeper_secrets_unlocked_bytes", daemon) > 0)
    #expect(daemon.logLines("warning: some secrets aren't locked in memory", "LimitMEMLOCK=").count == 1)
  }

  /// VmLck of proc_pid_status(5), in bytes.
  private func locked(_ daemon: DaemonProcess) throws -> Int {
    let status = try #require(FileText.read("/proc/\(daemon.child.pid)/status"))
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmLck:") })
    return (line.split { $0 == " " || $0 == "\t" }.dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
  }

  private static func figure(_ name: String, _ daemon: DaemonProcess) throws -> Int {
    let lines = try daemon.get("/metrics").body.split(separator: "\n")
    let line = try #require(lines.first { $0.hasPrefix("\(name) ") })
    return Int(line.dropFirst(name.count + 1)) ?? -1
  }
}

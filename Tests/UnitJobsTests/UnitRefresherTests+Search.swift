import Core
import Systemd
import TestSupport
import Testing
import Wire

@testable import UnitJobs

/// What the search for a role's units finds, and what happens while it, or a call, is under way.
extension UnitRefresherTests {
  /// The service manager answers for wildcards and for names by two calls, and reports the end of a job once: the unit waited for a job that was
  /// over, and kept the old credential.
  @Test func `a start that ends while the units are found out is followed by a reload`() {
    manager.set("encode@1.service", "activating", sub: "start", job: 5)
    rotate(1, "encode@*.service", "app.service")
    let find = manager.takeFind()
    let listed = manager.units.values.map { $0 }
    manager.jobRemoved(5, "done")
    manager.set("encode@1.service", "active")
    find(.success(listed))
    settle()
    #expect(manager.asked == ["encode@1.service"])
  }

  /// The same for a unit whose attempt pauses.
  @Test func `a start that ends while they are found out again is, too`() {
    refuse("org.freedesktop.DBus.Error.AccessDenied", "encode@1.service")
    manager.set("encode@1.service", "activating", sub: "start", job: 5)
    rotate(2, "encode@*.service", "app.service")
    let find = manager.takeFind()
    let listed = manager.units.values.map { $0 }
    manager.jobRemoved(5, "done")
    manager.set("encode@1.service", "active")
    find(.success(listed))
    settle()
    #expect(manager.asked == ["encode@1.service", "encode@1.service"])
  }

  // MARK: - Aliases

  /// polkit is asked for the unit by its own name, which the printed rule doesn't have, so that printing it again was no help.
  @Test func `a name that is an alias gets no job, and the reason names the unit`() {
    manager.set("ssh.service", "active")
    manager.set("app.service", "active")
    manager.aliases = ["sshd.service": "ssh.service"]
    refresh(1, "sshd.service", "app.service")
    #expect(manager.asked == ["app.service"] && results == [.jobFailed: 1])
    let reason = "it is an alias; write 'ssh.service' in refresh_units"
    #expect(lines.all.count == 1 && lines.all[0].contains(" reason=\(reason) result=job_failed "), "\(lines.all)")
    manager.endJob(of: "app.service")
    settle()
    let statuses = refresher.statuses(of: Self.role)
    #expect(statuses.map(\.unit) == ["app.service", "sshd.service"] && statuses.last?.lastError == reason)
    manager.set("ssh.service", "inactive")
    settle(.minutes(1))
    #expect(results == [.jobFailed: 1, .done: 1, .inactive: 1] && refresher.figures.pending == 0)
  }

  @Test func `an alias of a unit that is named too, or of the daemon's own, is left out`() {
    for name in ["ssh.service", "rolekeeper.service"] { manager.set(name, "active") }
    manager.aliases = ["sshd.service": "ssh.service", "keys.service": "rolekeeper.service"]
    refresh(1, "sshd.service", "ssh.service", "keys.service")
    #expect(manager.asked == ["ssh.service"] && results.isEmpty)
    manager.endJob(of: "ssh.service")
    settle()
    #expect(results == [.done: 1] && lines.all.count == 1)
  }

  // MARK: - Roles that leave

  /// It was tried again for ever, without a line, and could still reload the unit.
  @Test func `a call that fails for a role that is gone isn't repeated`() {
    manager.set("app.service", "active")
    rotate(1, "app.service")
    manager.answerFind()
    refresher.forget(Self.role)
    manager.error = Self.failure("org.freedesktop.DBus.Error.AccessDenied")
    manager.answerRefresh()
    manager.error = nil
    settle(.hours(1))
    #expect(manager.asked.count == 1 && refresher.figures.pending == 0 && results.isEmpty && lines.all.isEmpty)
  }

  @Test(arguments: ["failed", "canceled", nil])
  func `nor is a job that fails for a unit that the settings no longer name`(_ end: String?) {
    manager.set("app.service", "active")
    refresh(1, "app.service")
    refresher.change(Self.role, to: [UnitPattern("encode@*.service")!])
    if let end { manager.endJob(of: "app.service", end) } else { manager.breakDown() }
    settle(.hours(1))
    #expect(manager.asked.count == 1 && refresher.figures.pending == 0 && results.isEmpty && lines.all.isEmpty)
  }

  /// The line of the older generation stood for the newer one, too, which had none.
  @Test func `a rotation that comes while a job is under way has its own line when that fails, too`() {
    manager.set("app.service", "active")
    refresh(1, "app.service")
    refresh(2, "app.service")
    for _ in 0..<2 {
      manager.endJob(of: "app.service", "failed")
      settle(.minutes(1))
    }
    #expect(lines.all.count == 2 && lines.all[0].contains("generation=1 ") && lines.all[1].contains("generation=2 "))
    #expect(results == [.jobFailed: 2] && manager.asked.count == 2)
  }
}

import Core
import Glibc
import Testing

@testable import rolekeeper

/// The decisions of `exec` beside its command, in virtual time.
@Suite struct ExecMachineTests {
  private static let start = Timestamp(microseconds: 1_000_000_000)

  private func at(_ seconds: Int64) -> Timestamp { Self.start + .seconds(seconds) }

  /// A machine for a session that lasts an hour.
  private func machine(_ renewal: Renewal, endsBeforeExpiry: Bool = false) -> ExecMachine {
    ExecMachine(renewal, endsBeforeExpiry: endsBeforeExpiry, expires: at(3600), at: Self.start)
  }

  @Test(arguments: [ChildEnd.exited(0), .exited(7), .killed(SIGKILL), .killed(SIGTERM)])
  func `the command's end is the end, with its status or its signal`(end: ChildEnd) {
    var machine = machine(.restart)
    #expect(machine.handle(.ended(end), at: at(5)) == [.finish(end)])
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT])
  func `a signal is passed on unless the command has got it from the terminal`(number: CInt) {
    var machine = machine(.none)
    #expect(machine.handle(.signal(number, isForGroup: false), at: at(1)) == [.send(number)])
    #expect(machine.handle(.signal(number, isForGroup: true), at: at(1)) == [])
  }

  @Test(arguments: [SIGTSTP, SIGTTIN, SIGTTOU])
  func `a command that the terminal stops stops this process too, so that the shell notices`(number: CInt) {
    var machine = machine(.none)
    #expect(machine.handle(.stopped(number), at: at(1)) == [.stopSelf])
  }

  /// A debugger or an administrator that stopped the command alone stopped both, and SIGCONT to the command woke only that.
  @Test func `a command that somebody stops alone leaves this process running`() {
    var machine = machine(.none)
    #expect(machine.handle(.stopped(SIGSTOP), at: at(1)) == [])
  }

  /// A command that took its time after SIGTERM was killed and started again by a rotation.
  @Test(arguments: [SIGINT, SIGTERM, SIGQUIT], [Renewal.restart, .signal(SIGHUP), .none])
  func `a command that is being ended is left alone by rotations`(number: CInt, renewal: Renewal) {
    for isForGroup in [false, true] {
      var machine = machine(renewal)
      _ = machine.handle(.signal(number, isForGroup: isForGroup), at: at(1))
      #expect(machine.handle(.renewed(expires: at(9000)), at: at(2)) == [] && machine.deadline == nil)
      #expect(machine.handle(.due, at: at(60)) == [])
      #expect(machine.handle(.ended(.exited(0)), at: at(61)) == [.finish(.exited(0))])
    }
  }

  @Test func `a command that is being ended still ends before its session expires`() {
    var machine = machine(.restart, endsBeforeExpiry: true)
    _ = machine.handle(.signal(SIGTERM, isForGroup: false), at: at(1))
    _ = machine.handle(.renewed(expires: at(9000)), at: at(2))
    #expect(machine.deadline == at(3540), "it has the session that it was started with")
    #expect(machine.handle(.due, at: at(3540)) == [.send(SIGTERM), .send(SIGCONT)])
    #expect(machine.handle(.ended(.killed(SIGTERM)), at: at(3541)) == [.finish(.exited(124))])
  }

  @Test func `a hang-up, by which programs read their settings again, isn't taken for an end`() {
    var machine = machine(.restart)
    #expect(machine.handle(.signal(SIGHUP, isForGroup: false), at: at(1)) == [.send(SIGHUP)])
    #expect(machine.handle(.renewed(expires: at(9000)), at: at(2)) == [.send(SIGTERM), .send(SIGCONT)])
    #expect(machine.handle(.signal(SIGHUP, isForGroup: false), at: at(3)) == [.send(SIGHUP)])
    #expect(machine.handle(.ended(.killed(SIGTERM)), at: at(4)) == [.start])
  }

  /// A signal of the terminal that came before the command was there counted as one that it had got.
  @Test func `a signal that comes while there is no command keeps it from being started`() {
    for number in [SIGINT, SIGTERM, SIGQUIT] {
      #expect(ExecMachine.preventsStart(number, isFirst: true) && ExecMachine.preventsStart(number, isFirst: false))
    }
    for number in [SIGHUP, SIGUSR1, SIGALRM] {
      #expect(ExecMachine.preventsStart(number, isFirst: true) && !ExecMachine.preventsStart(number, isFirst: false))
    }
    for number in [SIGWINCH, SIGCONT] { #expect(!ExecMachine.preventsStart(number, isFirst: true)) }
  }

  @Test func `a rotation leaves the command alone, sends it the signal, or ends it`() {
    var (none, signal, restart) = (machine(.none), machine(.signal(SIGHUP)), machine(.restart))
    #expect(none.handle(.renewed(expires: at(9000)), at: at(1800)) == [])
    #expect(signal.handle(.renewed(expires: at(9000)), at: at(1800)) == [.send(SIGHUP)])
    #expect(restart.handle(.renewed(expires: at(9000)), at: at(1800)) == [.send(SIGTERM), .send(SIGCONT)])
    #expect(restart.handle(.ended(.killed(SIGTERM)), at: at(1801)) == [.start])
    #expect(restart.handle(.ended(.exited(3)), at: at(1802)) == [.finish(.exited(3))])
  }

  @Test func `a command that doesn't end within the grace time is killed once and started again`() {
    var machine = machine(.restart)
    _ = machine.handle(.renewed(expires: at(9000)), at: at(1800))
    #expect(machine.deadline == at(1810))
    #expect(machine.handle(.due, at: at(1809)) == [])
    #expect(machine.handle(.due, at: at(1810)) == [.send(SIGKILL)] && machine.deadline == nil)
    #expect(machine.handle(.ended(.killed(SIGKILL)), at: at(1811)) == [.start])
  }

  @Test func `another rotation during a restart needs nothing more`() {
    var machine = machine(.restart)
    _ = machine.handle(.renewed(expires: at(9000)), at: at(1800))
    #expect(machine.handle(.renewed(expires: at(9900)), at: at(1801)) == [])
    #expect(machine.handle(.ended(.exited(0)), at: at(1802)) == [.start])
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGQUIT])
  func `a command that somebody ends during a restart isn't started again`(number: CInt) {
    var machine = machine(.restart)
    _ = machine.handle(.renewed(expires: at(9000)), at: at(1800))
    #expect(machine.handle(.signal(number, isForGroup: false), at: at(1801)) == [.send(number)])
    #expect(machine.handle(.ended(.killed(SIGTERM)), at: at(1802)) == [.finish(.killed(SIGTERM))])
  }

  @Test func `the command is ended a minute before its session expires, with a status of its own`() {
    var machine = machine(.none, endsBeforeExpiry: true)
    #expect(machine.deadline == at(3540))
    #expect(machine.handle(.due, at: at(3539)) == [])
    #expect(machine.handle(.due, at: at(3540)) == [.send(SIGTERM), .send(SIGCONT)] && machine.deadline == at(3550))
    #expect(machine.handle(.due, at: at(3550)) == [.send(SIGKILL)])
    #expect(machine.handle(.ended(.killed(SIGKILL)), at: at(3551)) == [.finish(.exited(124))])
  }

  @Test func `of a short session the last tenth is kept`() {
    let machine = ExecMachine(.none, endsBeforeExpiry: true, expires: at(100), at: Self.start)
    #expect(machine.deadline == at(90))
  }

  @Test func `a new session puts the end off, and a command that runs on isn't ended`() {
    var machine = machine(.signal(SIGHUP), endsBeforeExpiry: true)
    _ = machine.handle(.renewed(expires: at(5400)), at: at(1800))
    #expect(machine.deadline == at(5340))
    #expect(self.machine(.signal(SIGHUP)).deadline == nil)
  }
}

import Glibc
import Testing

@testable import rolekeeper

/// Which signals a process beside a command takes, and which of them the command has got, too.
@Suite struct SignalInboxTests {
  private func isForGroup(_ number: CInt, kernel: Bool, leader: Bool = false) -> Bool {
    SignalInbox.Arrival(number, isFromKernel: kernel, leadsSession: leader).isForGroup
  }

  @Test(arguments: [SIGINT, SIGQUIT, SIGTSTP, SIGWINCH])
  func `what a terminal sends is for its whole foreground process group`(number: CInt) {
    #expect(isForGroup(number, kernel: true) && isForGroup(number, kernel: true, leader: true))
    #expect(!isForGroup(number, kernel: false), "a process sends it to this one")
  }

  /// When the terminal was closed, the command of an exec that led the session ran on without knowing it.
  @Test(arguments: [SIGHUP, SIGCONT])
  func `a hang-up is for the session's leader alone, and from a leader's end for the group`(number: CInt) {
    #expect(!isForGroup(number, kernel: true, leader: true))
    #expect(isForGroup(number, kernel: true, leader: false) && !isForGroup(number, kernel: false))
  }

  @Test(arguments: [SIGALRM, SIGXCPU, SIGVTALRM, SIGPROF, SIGIO])
  func `what the kernel sends to one process is for that alone`(number: CInt) {
    #expect(!isForGroup(number, kernel: true) && SignalInbox.ending.contains(number))
  }
}

import Core
import Glibc
import TestSupport
import Testing
import Upload

@testable import vod_upload

@Suite struct RunEndingTests {
  private final class NoWatches: WatchedInput.Watches {
    var onChange: (() -> Void)?

    func follow(_ directories: [String]) -> Bool { false }
  }

  /// It was a note without a path, and yet counted as failed.
  @Test func `a missing watched directory is an event with its path`() {
    let loss = InputEntry(path: "w", content: .failed(.watched(ENOENT)))
    #expect(Run.event(for: .gone(loss)) == .passedOver(loss))
    #expect(Run.event(for: .over(path: "w/a")) == .note("w/a: it can be read again, or is gone"))
    #expect(Run.event(for: .back(path: "w")) == .note("w: the watched directory is there again"))
  }

  /// It ended with 0 and `0 files`, although 100,000 waited.
  @Test func `a signal before a watched directory was listed ends the run by the signal`() throws {
    let scheduler = VirtualScheduler()
    scheduler.callsHang = true
    let watch = try WatchedInput(
      ["w"], settle: .seconds(10), watches: NoWatches(), on: scheduler, list: { InputList() }, handler: { _ in })
    watch.start()
    scheduler.settle()
    func status(isBusy: Bool = false) -> Int32 {
      End.signal(SIGTERM).exitStatus(
        ResultCounts(), isWatching: true, leftUndone: Run.Ending.leavesUndone(watch, isBusy: isBusy), couldWrite: true)
    }
    #expect(status() == 143)
    scheduler.callsHang = false
    scheduler.settle()
    #expect(status() == 0)
    #expect(status(isBusy: true) == 143)
  }
}

import Core
import FileOutput
import Refresh
import RefreshBench
import Settings
import Systemd
import TestSupport
import Testing
import UnitJobs

@testable import Daemon

/// When a role's units are reloaded: once its new credential is where they read it.
@Suite struct RotationFollowerTests {
  /// Records what is looked for.
  private final class Manager: UnitManager {
    var jobRemoved: (UInt32, String) -> Void = { _, _ in }
    var lost: () -> Void = {}
    var searches: [[UnitPattern]] = []
    var running: [String] = []
    private(set) var asked: [String] = []
    private var open: [(Result<[ManagerConnection.Unit], ManagerConnection.CallError>) -> Void] = []

    func find(
      _ patterns: [UnitPattern],
      completion: @escaping (Result<[ManagerConnection.Unit], ManagerConnection.CallError>) -> Void
    ) {
      searches.append(patterns)
      open.append(completion)
    }
    func reloadOrTryRestart(
      _ unit: UnitName, completion: @escaping (Result<UInt32, ManagerConnection.CallError>) -> Void
    ) { asked.append("\(unit)") }
    func close() {}

    func answer() {
      let all = open
      open = []
      let units = running.map {
        ManagerConnection.Unit(name: $0, loadState: "loaded", activeState: "active", subState: "running", job: 0)
      }
      for completion in all { completion(.success(units)) }
    }
  }

  private final class Files {
    var progress = WriteProgress.complete
  }

  private let bench: Bench
  private let manager = Manager()
  private let files = Files()
  private let units: UnitRefresher
  private let follower: RotationFollower
  private static let name = RoleName("uploader")!
  private static let pattern = UnitPattern("encode@*.service")!

  init() throws {
    bench = try Bench()
    units = try UnitRefresher(
      scheduler: bench.scheduler, manager: manager, timeout: .minutes(5), ownUnit: nil, log: LogRecorder().log)
    units.release()
    follower = RotationFollower(units) { [files] _ in files.progress }
    bench.refresher.setObservers([follower])
  }

  private func rotate(_ patterns: [UnitPattern] = [pattern], generation: UInt64 = 0) {
    if bench.refresher.roles[Self.name] == nil {
      var settings = Bench.role("uploader")
      settings.refreshUnits = patterns
      bench.refresher.add(settings, generation: generation)
    } else {
      // A session that lives no longer than the one before isn't published.
      bench.advance(.minutes(1))
      bench.refresher.roles[Self.name].map { bench.refresher.send(.refreshRequested, to: $0) }
    }
    bench.grantAll()
    manager.answer()
  }

  @Test func `each rotation has the units of the role looked for`() {
    rotate()
    #expect(manager.searches == [[Self.pattern]])
    rotate()
    #expect(manager.searches.count == 2)
  }

  @Test func `a role without units has none looked for`() {
    rotate([])
    #expect(manager.searches.isEmpty)
  }

  @Test func `they wait until the files are written`() {
    files.progress = .pending
    rotate()
    follower.reviewAll()
    #expect(manager.searches.isEmpty)
    files.progress = .complete
    follower.reviewAll()
    follower.reviewAll()
    #expect(manager.searches.count == 1)
  }

  @Test func `a file that can't be written doesn't keep them from the socket, and they are reloaded again when it can`()
  {
    files.progress = .failing
    rotate()
    #expect(manager.searches.count == 1)
    follower.review(Self.name)
    files.progress = .pending
    follower.review(Self.name)
    #expect(manager.searches.count == 1)
    manager.answer()
    files.progress = .complete
    follower.review(Self.name)
    follower.review(Self.name)
    #expect(manager.searches.count == 2)
  }

  @Test func `what an earlier process has published is no rotation, what comes next is`() {
    follower.wasPublished(Self.name, generation: 1)
    rotate()
    #expect(bench.refresher.roles[Self.name]?.generation == 1 && manager.searches.isEmpty)
    rotate()
    #expect(manager.searches.count == 1)
  }

  @Test func `a reload is due for what no earlier process has reloaded the units for, and waits for the files`() {
    files.progress = .pending
    rotate()
    let role = bench.refresher.roles[Self.name]!
    #expect(follower.isReloadDue(role, generation: 1) && follower.isWaiting(for: Self.name))
    follower.wasPublished(Self.name, generation: 7)
    #expect(!follower.isReloadDue(role, generation: 7) && follower.isReloadDue(role, generation: 8))
    // They are reloaded, and again when the file is there.
    files.progress = .failing
    follower.review(Self.name)
    #expect(manager.searches.count == 1 && follower.isWaiting(for: Self.name))
    files.progress = .complete
    follower.review(Self.name)
    #expect(!follower.isWaiting(for: Self.name))
  }

  @Test func `the units that an earlier process has reloaded for the generation are left out`() {
    manager.running = ["encode@1.service", "encode@2.service"]
    follower.wasReloaded(Self.name, generation: 1, [UnitName("encode@1.service")!])
    rotate()
    manager.answer()
    #expect(manager.asked == ["encode@2.service"])
  }

  @Test func `a number that nobody has published is a rotation`() {
    follower.wasPublished(Self.name, generation: 7)
    rotate(generation: 7)
    #expect(bench.refresher.roles[Self.name]?.generation == 8 && manager.searches.count == 1)
  }

  @Test func `a role that is gone has none looked for when its files are written`() {
    files.progress = .pending
    rotate()
    follower.forget(Self.name)
    files.progress = .complete
    follower.reviewAll()
    #expect(manager.searches.isEmpty)
  }
}

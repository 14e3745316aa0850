import Core
import Systemd

@testable import UnitJobs

/// A service manager whose units, jobs and answers are the test's.
final class FakeManager: UnitManager {
  typealias Unit = ManagerConnection.Unit
  typealias CallError = ManagerConnection.CallError

  var jobRemoved: (UInt32, String) -> Void = { _, _ in }
  var lost: () -> Void = {}

  /// By their names.
  private(set) var units: [String: Unit] = [:]
  /// Other names of units.
  var aliases: [String: String] = [:]
  /// Calls without an answer.
  private(set) var finds: [(patterns: [UnitPattern], completion: (Result<[Unit], CallError>) -> Void)] = []
  private(set) var refreshes: [(unit: String, completion: (Result<UInt32, CallError>) -> Void)] = []
  /// Every unit whose job was to be queued, in order.
  private(set) var asked: [String] = []
  private(set) var isOpen = false
  /// What the next calls fail with.
  var error: CallError?
  private var latestJob: UInt32 = 100

  func set(_ name: String, _ active: String, sub: String = "", load: String = "loaded", job: UInt32 = 0) {
    units[name] = Unit(name: name, loadState: load, activeState: active, subState: sub, job: job)
  }

  func find(_ patterns: [UnitPattern], completion: @escaping (Result<[Unit], CallError>) -> Void) {
    isOpen = true
    finds.append((patterns, completion))
  }

  func reloadOrTryRestart(_ unit: UnitName, completion: @escaping (Result<UInt32, CallError>) -> Void) {
    isOpen = true
    asked.append(unit.description)
    refreshes.append((unit.description, completion))
  }

  func close() { isOpen = false }

  /// Answers all that was asked for, until no more is asked for; a job of the number that is returned last is queued for each unit.
  func answer() {
    while !finds.isEmpty || !refreshes.isEmpty {
      if !finds.isEmpty { answerFind() }
      if !refreshes.isEmpty { answerRefresh() }
    }
  }

  /// The oldest search, for the test to answer.
  func takeFind() -> (Result<[Unit], CallError>) -> Void { finds.removeFirst().completion }

  func answerFind() {
    let find = finds.removeFirst()
    if let error { return find.completion(.failure(error)) }
    var found = units.values.filter { unit in find.patterns.contains { $0.matches(UnitName(unit.name)!) } }
    for name in find.patterns.compactMap(\.name?.description) where units[name] == nil {
      if let unit = aliases[name].flatMap({ units[$0] }) {
        if !found.contains(unit) { found.append(unit) }
        continue
      }
      found.append(Unit(name: name, loadState: "not-found", activeState: "inactive", subState: "dead", job: 0))
    }
    find.completion(.success(found.sorted { $0.name < $1.name }))
  }

  /// Answers the oldest call that is to queue a job.
  func answerRefresh() {
    let refresh = refreshes.removeFirst()
    if let error { return refresh.completion(.failure(error)) }
    latestJob += 1
    jobs[refresh.unit] = latestJob
    refresh.completion(.success(latestJob))
  }

  /// The jobs that were queued and haven't ended, by unit.
  private(set) var jobs: [String: UInt32] = [:]

  func endJob(of unit: String, _ result: String = "done") {
    if let job = jobs.removeValue(forKey: unit) { jobRemoved(job, result) }
  }

  /// The connection ends.
  func breakDown() {
    let open = (finds, refreshes)
    (finds, refreshes, jobs) = ([], [], [:])
    let error = CallError(name: "org.freedesktop.DBus.Error.NoReply", text: "Connection terminated")
    for find in open.0 { find.completion(.failure(error)) }
    for refresh in open.1 { refresh.completion(.failure(error)) }
    lost()
  }
}

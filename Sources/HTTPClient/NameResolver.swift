import EventLoop

/// Finds the addresses of names beside the loop, and keeps what it found.
///
/// libcurl has a resolver too, but what that finds after a request's time is up is lost: with a silent first name server a look-up
/// takes five seconds each time, and with less time than that no request is ever made. Here a look-up goes on until the host's
/// resolver is done with it, whoever still waits, and its late answer serves the next request.
///
/// | age of what was found | what a request gets |
/// |---|---|
/// | up to a minute | it |
/// | up to ten minutes | it, and a look-up for the next request begins |
/// | more, or nothing was found | the answer of a look-up, which all who ask for the name share |
///
/// An address by which a request failed goes behind the others for ten minutes: libcurl would begin with the same one each time.
final class NameResolver {
  typealias LookUp = @Sendable (String) -> NameAnswer

  private struct Found {
    var addresses: [String]
    let arrived: Int64
  }

  private struct Wait {
    let name: String
    /// By which it is forgotten again.
    let serial: UInt64
    let deadline: Int64
    let completion: (NameAnswer) -> Void
  }

  /// In µs.
  private static let fresh: Int64 = 60_000_000
  private static let usable: Int64 = 600_000_000

  private let loop: EventLoop
  private let lookUp: LookUp
  private let timeout: Duration
  private let time: () -> Int64
  private var found: [String: Found] = [:]
  /// When requests failed, by name and address.
  private var failed: [String: [String: Int64]] = [:]
  private var running: [String: NameLookup] = [:]
  /// In the order of their deadlines.
  private var waits: [Wait] = []
  private var timer: TimerSource!

  /// `timeout` is how long a request waits for a look-up; `time` reads CLOCK_BOOTTIME in µs.
  init(
    _ loop: EventLoop, timeout: Duration, lookUp: @escaping LookUp = SystemNames.lookUp,
    time: @escaping () -> Int64 = EventLoop.bootTime
  ) throws(LoopError) {
    self.loop = loop
    self.timeout = timeout
    self.lookUp = lookUp
    self.time = time
    timer = try TimerSource(loop, accuracy: 1000) { [unowned self] in timeIsUp() }
  }

  /// What is known of `name` and good to use now; nil when it has to be waited for.
  func addresses(of name: String) -> [String]? {
    guard let known = found[name] else { return nil }
    let age = time() - known.arrived
    guard age <= Self.usable else { return nil }
    if age > Self.fresh { begin(name) }
    return ordered(known.addresses, of: name)
  }

  /// Calls `completion` from a later turn of the loop, with the answer or that there was none in time. `serial` names the wait.
  func wait(for name: String, serial: UInt64, completion: @escaping (NameAnswer) -> Void) {
    let deadline = time() + Int64(timeout / .microseconds(1))
    waits.append(Wait(name: name, serial: serial, deadline: deadline, completion: completion))
    begin(name)
    if waits.count == 1 { timer.arm(at: deadline) }
  }

  func forget(_ serial: UInt64) { waits.removeAll { $0.serial == serial } }

  /// A request by this address came to nothing.
  func requestFailed(by address: String, of name: String) { failed[name, default: [:]][address] = time() }

  func requestSucceeded(by address: String, of name: String) { failed[name]?[address] = nil }

  private func begin(_ name: String) {
    guard running[name] == nil else { return }
    do throws(LoopError) {
      running[name] = try NameLookup(of: name, by: lookUp, loop: loop) { [unowned self] in take($0, of: name) }
    } catch {
      // The next request tries again; those that wait run out of time.
    }
  }

  private func take(_ answer: NameAnswer, of name: String) {
    running[name] = nil
    var told = answer
    if case .addresses(let addresses) = answer {
      found[name] = Found(addresses: addresses, arrived: time())
      forgetFailures(of: name)
      told = .addresses(ordered(addresses, of: name))
    }
    let served = waits.filter { $0.name == name }
    waits.removeAll { $0.name == name }
    for wait in served { wait.completion(told) }
  }

  private func timeIsUp() {
    let now = time()
    let late = waits.prefix { $0.deadline <= now }
    waits.removeFirst(late.count)
    if let next = waits.first { timer.arm(at: next.deadline) }
    let seconds = timeout / .seconds(1)
    let text = "no name server answered within \(seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)") s"
    for wait in late { wait.completion(.failure(text)) }
  }

  /// Those without a failure first, then the one whose failure is longest ago.
  private func ordered(_ addresses: [String], of name: String) -> [String] {
    guard let failures = failed[name], !failures.isEmpty else { return addresses }
    let after = time() - Self.usable
    let keys = addresses.enumerated().map { (failures[$1].flatMap { $0 > after ? $0 : nil } ?? 0, $0) }
    return addresses.indices.sorted { keys[$0] < keys[$1] }.map { addresses[$0] }
  }

  private func forgetFailures(of name: String) {
    let after = time() - Self.usable
    failed[name] = failed[name]?.filter { $0.value > after }
  }
}

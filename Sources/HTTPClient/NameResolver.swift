import Systemd

/// Looks up the addresses of names without blocking the loop, and caches the results.
///
/// libcurl has a resolver too, but a result that comes after a request's time-out is lost: with an unresponsive first name server a
/// look-up takes five seconds each time, and with a shorter time-out no request ever succeeds. Here a look-up continues until the
/// host's resolver has finished, even if nobody waits any more, and its late result serves the next request.
///
/// | age of the last result | what a request gets |
/// |---|---|
/// | up to a minute | that result |
/// | up to ten minutes | that result, and a look-up for the next request begins |
/// | more, or there is none | the answer of a look-up, which all requests for the name share |
/// | any, if that look-up can't begin or isn't answered | that result: TLS verifies the server at the address |
///
/// A look-up that has taken two minutes doesn't block others, since the host's resolver may hang for good. Its result still counts,
/// unless a later look-up has found something.
///
/// An address by which a request failed goes behind the others for ten minutes: libcurl would try the same one first each time.
final class NameResolver {
  typealias LookUp = @Sendable (String) -> NameAnswer
  /// Runs a call on a thread of its own.
  typealias Begin = (
    EventLoop, @escaping @Sendable () -> NameAnswer, @escaping (NameAnswer) -> Void
  ) throws(LoopError) -> ThreadedCall<NameAnswer>

  private struct Found {
    var addresses: [String]
    /// The number of the look-up that found the addresses.
    let lookUp: UInt64
    let arrived: Int64
  }

  private struct Wait {
    let name: String
    /// Identifies the wait, so that it can be cancelled.
    let serial: UInt64
    let deadline: Int64
    /// The answer if no look-up could begin.
    let obstacle: NameAnswer?
    let completion: (NameAnswer) -> Void
  }

  private struct Running {
    let number: UInt64
    let begun: Int64
    let call: ThreadedCall<NameAnswer>
  }

  /// In µs.
  private static let fresh: Int64 = 60_000_000
  private static let usable: Int64 = 600_000_000
  /// After this time another look-up of the same name may begin.
  private static let overdue: Int64 = 120_000_000

  /// Replaceable, to test requests when no thread is available.
  var beginCall: Begin = { (loop, call, completion) throws(LoopError) in
    try ThreadedCall(loop, call, completion: completion)
  }
  private let loop: EventLoop
  private let lookUp: LookUp
  private let timeout: Duration
  private let threads: LookupThreads
  private let time: () -> Int64
  private var found: [String: Found] = [:]
  /// When requests last failed, by name and address.
  private var failed: [String: [String: Int64]] = [:]
  /// In the order in which they began.
  private var running: [String: [Running]] = [:]
  private var lookUps: UInt64 = 0
  /// In the order of their deadlines.
  private var waits: [Wait] = []
  private var timer: TimerSource!

  /// `timeout` is how long a request waits for a look-up, `threads` counts the threads of all resolvers together; `time` reads
  /// CLOCK_BOOTTIME in µs.
  init(
    _ loop: EventLoop, timeout: Duration, lookUp: @escaping LookUp = SystemNames.lookUp,
    threads: LookupThreads = .shared, time: @escaping () -> Int64 = EventLoop.bootTime
  ) throws(LoopError) {
    self.loop = loop
    self.timeout = timeout
    self.lookUp = lookUp
    self.threads = threads
    self.time = time
    timer = try TimerSource(loop, accuracy: 1000) { [unowned self] in timeIsUp() }
  }

  /// The known addresses of `name` that may be used now; nil if a look-up has to be waited for.
  func addresses(of name: String) -> [String]? {
    guard let known = found[name] else { return nil }
    let age = time() - known.arrived
    guard age <= Self.usable else { return nil }
    // If it can't begin, that matters only when this result is too old.
    if age > Self.fresh { _ = begin(name) }
    return ordered(known.addresses, of: name)
  }

  /// Calls `completion` from a later turn of the loop, with the answer or a time-out. `serial` identifies the wait.
  func wait(for name: String, serial: UInt64, completion: @escaping (NameAnswer) -> Void) {
    let obstacle = begin(name)
    let now = time()
    let deadline = obstacle == nil ? now + Int64(timeout / .microseconds(1)) : now
    let wait = Wait(name: name, serial: serial, deadline: deadline, obstacle: obstacle, completion: completion)
    waits.insert(wait, at: obstacle == nil ? waits.count : 0)
    if waits[0].serial == serial { timer.arm(at: deadline) }
  }

  func forget(_ serial: UInt64) { waits.removeAll { $0.serial == serial } }

  /// Notes that a request by this address failed.
  func requestFailed(by address: String, of name: String) { failed[name, default: [:]][address] = time() }

  func requestSucceeded(by address: String, of name: String) { failed[name]?[address] = nil }

  /// Begins a look-up of the name, unless one is under way; returns the reason if that isn't possible.
  private func begin(_ name: String) -> NameAnswer? {
    if isUnderWay(name) { return nil }
    let threads = threads
    guard threads.enter() else {
      return .unanswered("earlier look-ups hang in this host's resolver; a restart of the service ends them")
    }
    lookUps += 1
    let (lookUp, number) = (lookUp, lookUps)
    do throws(LoopError) {
      let call = try beginCall(
        loop,
        {
          defer { threads.leave() }
          return lookUp(name)
        }, { [unowned self] in take($0, from: number, of: name) })
      running[name, default: []].append(Running(number: number, begun: time(), call: call))
      return nil
    } catch {
      threads.leave()
      return .notAsked("\(error)")
    }
  }

  /// Whether a look-up of the name is under way that can be expected to end.
  private func isUnderWay(_ name: String) -> Bool {
    running[name]?.last.map { time() - $0.begun < Self.overdue } ?? false
  }

  private func take(_ answer: NameAnswer, from number: UInt64, of name: String) {
    running[name]?.removeAll { $0.number == number }
    if running[name]?.isEmpty == true { running[name] = nil }
    let result: NameAnswer
    if case .addresses(let addresses) = answer {
      // The result of a look-up that hung may be out of date.
      if let known = found[name], known.lookUp > number { return }
      found[name] = Found(addresses: addresses, lookUp: number, arrived: time())
      forgetFailures(of: name)
      result = .addresses(ordered(addresses, of: name))
    } else {
      // The other look-up may succeed.
      if isUnderWay(name) { return }
      result = lastFound(name, insteadOf: answer)
    }
    let served = waits.filter { $0.name == name }
    waits.removeAll { $0.name == name }
    for wait in served { wait.completion(result) }
  }

  /// Answers all waits whose time is over. Internal for tests, whose time isn't the timer's.
  func timeIsUp() {
    let now = time()
    let late = waits.prefix { $0.deadline <= now }
    waits.removeFirst(late.count)
    if let next = waits.first { timer.arm(at: next.deadline) }
    let seconds = timeout / .seconds(1)
    let text =
      "this host's resolver didn't answer within \(seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)")s"
    for wait in late { wait.completion(lastFound(wait.name, insteadOf: wait.obstacle ?? .unanswered(text))) }
  }

  /// The last result, however old, if the look-up found out nothing about the name; otherwise the answer as it is.
  private func lastFound(_ name: String, insteadOf answer: NameAnswer) -> NameAnswer {
    switch answer {
    case .addresses, .failure: answer
    case .unanswered, .notAsked: found[name].map { .addresses(ordered($0.addresses, of: name)) } ?? answer
    }
  }

  /// Addresses without a failure first, then those whose failure is longest ago.
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

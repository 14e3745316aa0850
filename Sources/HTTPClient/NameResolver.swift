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
/// A look-up that has taken two minutes stands in the way of no other, since the host's resolver may hang for good. What it finds in the
/// end counts all the same.
///
/// An address by which a request failed goes behind the others for ten minutes: libcurl would begin with the same one each time.
final class NameResolver {
  typealias LookUp = @Sendable (String) -> NameAnswer
  /// Makes a call on a thread of its own.
  typealias Begin = (
    EventLoop, @escaping @Sendable () -> NameAnswer, @escaping (NameAnswer) -> Void
  ) throws(LoopError) -> ThreadedCall<NameAnswer>

  private struct Found {
    var addresses: [String]
    let arrived: Int64
  }

  private struct Wait {
    let name: String
    /// By which it is forgotten again.
    let serial: UInt64
    let deadline: Int64
    /// What is known already: no look-up could begin.
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
  /// After which another look-up of the same name may begin.
  private static let overdue: Int64 = 120_000_000

  /// For a test of what becomes of a request when there is no thread to be had.
  var beginCall: Begin = { (loop, call, completion) throws(LoopError) in
    try ThreadedCall(loop, call, completion: completion)
  }
  private let loop: EventLoop
  private let lookUp: LookUp
  private let timeout: Duration
  private let threads: LookupThreads
  private let time: () -> Int64
  private var found: [String: Found] = [:]
  /// When requests failed, by name and address.
  private var failed: [String: [String: Int64]] = [:]
  /// In the order in which they began.
  private var running: [String: [Running]] = [:]
  private var lookUps: UInt64 = 0
  /// In the order of their deadlines.
  private var waits: [Wait] = []
  private var timer: TimerSource!

  /// `timeout` is how long a request waits for a look-up, `threads` counts those of all resolvers together; `time` reads CLOCK_BOOTTIME
  /// in µs.
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

  /// What is known of `name` and good to use now; nil when it has to be waited for.
  func addresses(of name: String) -> [String]? {
    guard let known = found[name] else { return nil }
    let age = time() - known.arrived
    guard age <= Self.usable else { return nil }
    // What keeps it from beginning matters once this is too old.
    if age > Self.fresh { _ = begin(name) }
    return ordered(known.addresses, of: name)
  }

  /// Calls `completion` from a later turn of the loop, with the answer or that there was none in time. `serial` names the wait.
  func wait(for name: String, serial: UInt64, completion: @escaping (NameAnswer) -> Void) {
    let obstacle = begin(name)
    let now = time()
    let deadline = obstacle == nil ? now + Int64(timeout / .microseconds(1)) : now
    let wait = Wait(name: name, serial: serial, deadline: deadline, obstacle: obstacle, completion: completion)
    waits.insert(wait, at: obstacle == nil ? waits.count : 0)
    if waits[0].serial == serial { timer.arm(at: deadline) }
  }

  func forget(_ serial: UInt64) { waits.removeAll { $0.serial == serial } }

  /// A request by this address came to nothing.
  func requestFailed(by address: String, of name: String) { failed[name, default: [:]][address] = time() }

  func requestSucceeded(by address: String, of name: String) { failed[name]?[address] = nil }

  /// Has the name looked up, unless it is already; why that can't be, if so.
  private func begin(_ name: String) -> NameAnswer? {
    let now = time()
    if let latest = running[name]?.last, now - latest.begun < Self.overdue { return nil }
    let threads = threads
    guard threads.enter() else { return .failure("earlier look-ups hang in this host's resolver") }
    lookUps += 1
    let (lookUp, number) = (lookUp, lookUps)
    do throws(LoopError) {
      let call = try beginCall(
        loop,
        {
          defer { threads.leave() }
          return lookUp(name)
        }, { [unowned self] in take($0, from: number, of: name) })
      running[name, default: []].append(Running(number: number, begun: now, call: call))
      return nil
    } catch {
      threads.leave()
      return .notAsked("\(error)")
    }
  }

  private func take(_ answer: NameAnswer, from number: UInt64, of name: String) {
    running[name]?.removeAll { $0.number == number }
    if running[name]?.isEmpty == true { running[name] = nil }
    var result = answer
    if case .addresses(let addresses) = answer {
      found[name] = Found(addresses: addresses, arrived: time())
      forgetFailures(of: name)
      result = .addresses(ordered(addresses, of: name))
    } else if running[name] != nil {
      // Another one is under way, which may do better.
      return
    }
    let served = waits.filter { $0.name == name }
    waits.removeAll { $0.name == name }
    for wait in served { wait.completion(result) }
  }

  private func timeIsUp() {
    let now = time()
    let late = waits.prefix { $0.deadline <= now }
    waits.removeFirst(late.count)
    if let next = waits.first { timer.arm(at: next.deadline) }
    let seconds = timeout / .seconds(1)
    let text =
      "this host's resolver didn't answer within \(seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)")s"
    for wait in late { wait.completion(wait.obstacle ?? .failure(text)) }
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

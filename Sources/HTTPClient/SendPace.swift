import Core
import Systemd

/// Keeps the bodies of all requests together to one rate: a request that gets no allowance waits in a queue and continues in turn.
///
/// libcurl's own limit (CURLOPT_MAX_SEND_SPEED_LARGE) is per request, and catches up after slower periods.
final class SendPace {
  private var timer: TimerSource!
  private var budget: SendBudget?
  private var line: [(transfer: Transfer, wanted: Int)] = []

  init(_ loop: EventLoop) throws(LoopError) {
    timer = try TimerSource(loop, accuracy: 1000) { [unowned self] in serve() }
  }

  /// In bytes per second; nil for no limit.
  func limit(to rate: Int?) {
    budget = rate.map { SendBudget(rate: $0, at: now) }
    serve()
  }

  /// Returns how many of `wanted` bytes `transfer` may send; 0 if it has to pause, and is resumed later with an allowance.
  func take(of wanted: Int, for transfer: Transfer) -> Int {
    guard budget != nil else { return wanted }
    if line.isEmpty, let count = budget?.take(of: wanted, at: now), count > 0 { return count }
    line.append((transfer, wanted))
    arm()
    return 0
  }

  /// Removes a request that has ended.
  func forget(_ transfer: Transfer) {
    guard let place = line.firstIndex(where: { $0.transfer === transfer }) else { return }
    line.remove(at: place)
    arm()
  }

  private func serve() {
    while let first = line.first {
      let count = budget == nil ? first.wanted : budget?.take(of: first.wanted, at: now) ?? 0
      guard count > 0 else { break }
      line.removeFirst()
      first.transfer.resume(allowance: count)
    }
    arm()
  }

  private func arm() {
    guard let first = line.first, let next = budget?.next(of: first.wanted, at: now) else { return timer.disarm() }
    if timer.deadline != next.microseconds { timer.arm(at: next.microseconds) }
  }

  private var now: Timestamp { Timestamp(microseconds: EventLoop.bootTime()) }
}

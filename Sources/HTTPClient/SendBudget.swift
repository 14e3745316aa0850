import Core

/// Limits how many bytes of bodies may be sent per second, at an even pace from the first one on.
///
/// At the start nothing is saved up, and later no more than a tenth of a second's worth.
struct SendBudget {
  private let rate: Double
  /// The smallest amount that is given out, so that bodies aren't sent in single bytes.
  private let piece: Double
  private let most: Double
  private var saved = 0.0
  private var updated: Timestamp

  /// `rate` is in bytes per second, at least 1.
  init(rate: Int, at now: Timestamp) {
    self.rate = Double(max(1, rate))
    piece = max(512, self.rate / 20)
    most = max(piece, self.rate / 10)
    updated = now
  }

  /// Takes up to `wanted` bytes, which is at least 1; returns 0 if it is too early.
  mutating func take(of wanted: Int, at now: Timestamp) -> Int {
    update(now)
    guard saved >= least(of: wanted) else { return 0 }
    let count = min(wanted, Int(saved))
    saved -= Double(count)
    return count
  }

  /// When `take` can next return more than 0.
  mutating func next(of wanted: Int, at now: Timestamp) -> Timestamp {
    update(now)
    return now + .seconds(fraction: max(0, least(of: wanted) - saved) / rate) + .microseconds(1)
  }

  private func least(of wanted: Int) -> Double { min(Double(wanted), piece) }

  private mutating func update(_ now: Timestamp) {
    saved = min(most, saved + max(0, (now - updated).inSeconds) * rate)
    updated = now
  }
}

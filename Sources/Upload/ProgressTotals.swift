package import Core

/// The totals of a batch so far.
package struct ProgressTotals: Sendable {
  package struct Running: Sendable {
    package let path: String
    package let size: Int64
    package fileprivate(set) var bytes: Int64 = 0
    /// The bytes that earlier runs had sent.
    fileprivate var resumed: Int64 = 0
    package fileprivate(set) var rate: RateMeter
  }

  /// The totals of the whole batch; in a watched directory they grow.
  package var files: Int
  package var size: Int64
  /// The files that have ended, whatever their results, and their size.
  package private(set) var ended = 0
  package private(set) var endedSize: Int64 = 0
  package private(set) var counts = ResultCounts()
  package private(set) var running: [Int: Running] = [:]
  package private(set) var rate: RateMeter
  /// The bytes that this run has sent.
  private var sent: Int64 = 0

  package init(files: Int, size: Int64, at now: Timestamp) {
    self.files = files
    self.size = size
    rate = RateMeter(at: now)
  }

  package var bytes: Int64 { running.values.reduce(endedSize) { $0.saturatingAdd($1.bytes) } }

  /// The time that the rest takes at the present rate; nil if that isn't known.
  package func timeLeft(at now: Timestamp) -> Duration? {
    let perSecond = rate.bytesPerSecond(at: now)
    guard perSecond > 0 else { return nil }
    let seconds = Double(max(0, size - bytes)) / perSecond
    return seconds < 36_000_000 ? .seconds(fraction: seconds) : nil
  }

  package mutating func take(_ event: UploadEvent, at now: Timestamp) {
    switch event {
    case .started(let file, let path, let size):
      running[file] = Running(path: path, size: size, rate: RateMeter(at: now))
    case .resumed(let file, let bytes):
      running[file]?.resumed = bytes
      running[file]?.bytes = bytes
    case .progress(let file, let bytes): progress(file, bytes, now)
    case .restarted(let file):
      running[file]?.resumed = 0
      running[file]?.bytes = 0
    case .finished(let file, let result, _): finish(file, result)
    case .passedOver(let entry):
      // A watched directory, or what is in it, may come back.
      switch entry.content {
      case .failed(.watched), .failed(.inWatched): return
      default: break
      }
      if let result = entry.result { counts.count(result) }
    case .created, .refreshed, .retried, .waitingForCredential, .throttled, .note: break
    }
  }

  private mutating func progress(_ file: Int, _ bytes: Int64, _ now: Timestamp) {
    guard let before = running[file] else { return }
    let more = max(0, bytes - before.bytes)
    sent = sent.saturatingAdd(more)
    rate.take(sent, at: now)
    running[file]?.bytes = bytes
    running[file]?.rate.take(max(0, bytes - before.resumed), at: now)
  }

  private mutating func finish(_ file: Int, _ result: UploadResult) {
    counts.count(result)
    guard let one = running.removeValue(forKey: file) else { return }
    ended += 1
    endedSize = endedSize.saturatingAdd(one.size)
  }
}

extension Int64 {
  /// The sum of two sizes; of sparse files, it may exceed the type.
  package func saturatingAdd(_ size: Int64) -> Int64 {
    let (sum, isTooLarge) = addingReportingOverflow(size)
    return isTooLarge ? .max : sum
  }
}

/// The rate of the last few seconds.
package struct RateMeter: Sendable {
  private static let span = Duration.seconds(15)
  /// Samples are this far apart.
  private static let step = Duration.milliseconds(500)

  private var samples: [(time: Timestamp, bytes: Int64)]
  private var latest: (time: Timestamp, bytes: Int64)

  init(at now: Timestamp) {
    samples = [(now, 0)]
    latest = (now, 0)
  }

  /// `bytes` is the total so far.
  mutating func take(_ bytes: Int64, at now: Timestamp) {
    latest = (now, bytes)
    guard let last = samples.last, now - last.time >= Self.step else { return }
    samples.append(latest)
    if samples.count > 2, now - samples[1].time >= Self.span { samples.removeFirst() }
  }

  /// 0 if nothing was sent in the measured time.
  package func bytesPerSecond(at now: Timestamp) -> Double {
    guard let first = samples.first, now - latest.time < Self.span else { return 0 }
    let seconds = max((latest.time - first.time).inSeconds, (now - first.time).inSeconds)
    // In the first moments, the rate isn't known.
    return seconds < 0.2 ? 0 : Double(latest.bytes - first.bytes) / seconds
  }
}

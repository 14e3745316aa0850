import CommandInterface
import Core
import Systemd

/// Output for a stream, written in order and on another thread: if nobody reads, only the output is delayed.
///
/// The stream isn't made non-blocking, since that would affect everybody who shares it, such as the shell on the same
/// terminal (fcntl(2), F_SETFL).
final class OutputQueue {
  /// With this many bytes waiting, nothing should be started that produces more output.
  static let most = 256 << 10
  /// The minimum time between two writes, so that each writes many lines.
  static let interval = Duration.milliseconds(20)
  /// The pause before another attempt to get a thread.
  private static let pause = Duration.milliseconds(200)

  /// Called once, with the errno, when the stream can't be written to any more: waiting and later output is dropped.
  var onFailure: ((CInt) -> Void)?
  /// Called when there is room again after `isFull` was true.
  var onRoom: (() -> Void)?
  private(set) var failure: CInt?

  private let descriptor: CInt
  private let scheduler: any Scheduler
  private var alarm: (any Alarm)!
  private var waiting: [UInt8] = []
  private var call: AnyObject?
  private var bytesInCall = 0
  private var notBefore: Timestamp
  private var wasFull = false
  private var drained: (() -> Void)?

  /// `descriptor` must stay open as long as the process runs.
  init(_ descriptor: CInt, scheduler: any Scheduler) throws(LoopError) {
    self.descriptor = descriptor
    self.scheduler = scheduler
    notBefore = scheduler.time
    alarm = try scheduler.timer(accuracy: 5000) { [unowned self] in start() }
  }

  var isFull: Bool { waiting.count + bytesInCall >= Self.most }
  /// Whether some output isn't written yet.
  var isBusy: Bool { call != nil || !waiting.isEmpty }

  func write(_ bytes: [UInt8]) {
    guard failure == nil, !bytes.isEmpty else { return }
    waiting += bytes
    if isFull { wasFull = true }
    start()
  }

  /// Calls `completion` when everything is written or the stream has failed; at once if nothing is waiting.
  func drain(_ completion: @escaping () -> Void) {
    guard isBusy else { return completion() }
    drained = completion
    start()
  }

  private func start() {
    guard call == nil, !waiting.isEmpty else { return }
    let now = scheduler.time
    guard drained != nil || now >= notBefore else {
      if !alarm.isArmed { alarm.arm(at: notBefore.microseconds) }
      return
    }
    let (bytes, descriptor) = (waiting, descriptor)
    do throws(LoopError) {
      call = try scheduler.call({ Console.put(bytes.span, to: descriptor) }) { [unowned self] in ended($0) }
    } catch {
      // Later there may be one. At the end nothing else is held up.
      guard drained != nil else { return alarm.arm(at: (now + Self.pause).microseconds) }
      waiting = []
      return ended(Console.put(bytes.span, to: descriptor))
    }
    waiting = []
    bytesInCall = bytes.count
    notBefore = now + Self.interval
  }

  private func ended(_ number: CInt) {
    call = nil
    bytesInCall = 0
    if number != 0 {
      failure = number
      waiting = []
      onFailure?(number)
    }
    start()
    if wasFull, !isFull {
      wasFull = false
      onRoom?()
    }
    if !isBusy, let drained {
      self.drained = nil
      drained()
    }
  }
}

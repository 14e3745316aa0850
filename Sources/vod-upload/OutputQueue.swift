import CommandInterface
import Core
import Systemd

/// What is to be written to a stream, in order and beside the loop: a reader that stops reading holds up the output and nothing else.
///
/// The stream isn't made non-blocking, which would hold for all who share it, such as the shell on the same terminal (fcntl(2), F_SETFL).
final class OutputQueue {
  /// With so many bytes waiting, nothing should be begun that has more to say.
  static let most = 256 << 10
  /// How far apart writes begin at least, so that many lines go in one.
  static let interval = Duration.milliseconds(20)
  /// After which a thread is asked for again where there was none.
  private static let pause = Duration.milliseconds(200)

  /// Called once, with the errno, when the stream takes nothing any more: what waits and what comes later is dropped.
  var onFailure: ((CInt) -> Void)?
  /// Called when `isFull` has been true and there is room again.
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

  /// `descriptor` stays open as long as the process.
  init(_ descriptor: CInt, scheduler: any Scheduler) throws(LoopError) {
    self.descriptor = descriptor
    self.scheduler = scheduler
    notBefore = scheduler.time
    alarm = try scheduler.timer(accuracy: 5000) { [unowned self] in start() }
  }

  var isFull: Bool { waiting.count + bytesInCall >= Self.most }
  /// Whether something isn't written yet.
  var isBusy: Bool { call != nil || !waiting.isEmpty }

  func write(_ bytes: [UInt8]) {
    guard failure == nil, !bytes.isEmpty else { return }
    waiting += bytes
    if isFull { wasFull = true }
    start()
  }

  /// Calls `completion` once everything is written, or the stream has failed: at once where nothing waits.
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

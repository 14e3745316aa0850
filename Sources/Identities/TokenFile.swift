import Core
import Secrets
import Systemd

/// A file with a token, which is read on another thread: the loop never waits for its file system, which may be that of a server that is
/// down.
///
/// | what happens | what its readers get |
/// |---|---|
/// | the file was read | the token, or what is wrong with it |
/// | it takes longer than `limit` | that its disk doesn't answer |
///
/// A read that takes so long goes on, and no other one begins before it has ended: a dead file system takes one thread, however often the file
/// is asked for.
final class TokenFile {
  typealias Outcome = Result<Secret, SecretLine.Unusable>

  static let limit = Duration.seconds(3)

  private enum Answer: Sendable {
    case token(SecretParcel)
    case unusable(SecretLine.Unusable)
  }

  /// Somebody who waits for the read under way.
  private final class Reader {
    let deadline: Timestamp
    let completion: (Outcome) -> Void

    init(deadline: Timestamp, _ completion: @escaping (Outcome) -> Void) {
      (self.deadline, self.completion) = (deadline, completion)
    }
  }

  private struct WeakReader {
    weak var reader: Reader?
  }

  private let path: String
  private let lengths: ClosedRange<Int>
  private let mayOthersWrite: Bool
  private let scheduler: any Scheduler
  private var call: AnyObject?
  /// In the order of their deadlines.
  private var readers: [WeakReader] = []
  private var timer: (any Alarm)!

  /// `lengths` are those of the token in bytes, 1 or more; see `SecretLine.read`.
  init(_ path: String, lengths: ClosedRange<Int>, mayOthersWrite: Bool, scheduler: any Scheduler) throws {
    self.path = path
    self.lengths = lengths
    self.mayOthersWrite = mayOthersWrite
    self.scheduler = scheduler
    timer = try scheduler.timer(accuracy: 100_000) { [unowned self] in timeIsUp() }
  }

  /// Calls `completion` once, in a later turn, if the returned object is kept.
  func read(_ completion: @escaping (Outcome) -> Void) -> AnyObject {
    let reader = Reader(deadline: scheduler.time + Self.limit, completion)
    readers.removeAll { $0.reader == nil }
    readers.append(WeakReader(reader: reader))
    if !timer.isArmed { timer.arm(at: reader.deadline.microseconds) }
    if call == nil { begin() }
    return reader
  }

  private func begin() {
    let (path, lengths, mayOthersWrite) = (path, lengths, mayOthersWrite)
    do throws(LoopError) {
      call = try scheduler.call({ () -> Answer in
        do throws(SecretLine.Unusable) {
          return .token(SecretParcel(try SecretLine.read(path, lengths: lengths, mayOthersWrite: mayOthersWrite)))
        } catch { return .unusable(error) }
      }) { [unowned self] answer in
        call = nil
        land(answer)
      }
    } catch {
      // Its readers get that in a later turn, as all else.
      timer.arm(at: scheduler.time.microseconds)
    }
  }

  private func land(_ answer: Answer) {
    let outcome: Outcome
    switch answer {
    case .token(let parcel): outcome = .success(parcel.opened())
    case .unusable(let why): outcome = .failure(why)
    }
    let waiting = readers
    readers = []
    timer.disarm()
    // One may let go of another.
    for one in waiting { one.reader?.completion(outcome) }
  }

  private func timeIsUp() {
    let now = scheduler.time
    let failure =
      call == nil
      ? SecretLine.Unusable(
        why: "no thread is left to read it", fix: "raise TasksMax= of the unit, or end what uses up the host's threads")
      : SecretLine.Unusable(
        why: "its disk doesn't answer", fix: "look at the disk or the network that the file is on")
    let late = call == nil ? readers : Array(readers.prefix { $0.reader.map { $0.deadline <= now } ?? true })
    readers.removeFirst(late.count)
    if let next = readers.lazy.compactMap({ $0.reader?.deadline }).first { timer.arm(at: next.microseconds) }
    for one in late { one.reader?.completion(.failure(failure)) }
  }
}

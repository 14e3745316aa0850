import Core
import HTTPServer
import Systemd

/// Requests that wait for a session to arrive, each until its deadline.
final class WaitingReaders {
  struct Reader {
    let recipient: Recipient
    let query: ReaderQuery
    /// The session that it waits for, which may not have been requested yet.
    let key: SessionKey
    /// When it is checked again without an event, at the latest at its deadline.
    var lookAgain: Timestamp

    var token: ResponseToken { recipient.token }

    func looking(_ instant: Timestamp) -> Reader {
      var reader = self
      reader.lookAgain = instant
      return reader
    }
  }

  private let scheduler: any Scheduler
  /// Called with a reader whose time has come; true if it is done.
  private let lookAgain: (inout Reader) -> Bool
  private var byKey: [SessionKey: [Reader]] = [:]
  private var keyOf: [ResponseToken: SessionKey] = [:]
  private var timer: (any Alarm)!

  init(scheduler: any Scheduler, lookAgain: @escaping (inout Reader) -> Bool) throws {
    self.scheduler = scheduler
    self.lookAgain = lookAgain
    timer = try scheduler.timer(accuracy: 10_000) { [unowned self] in lookAgainAtDue() }
  }

  /// The sessions that are waited for.
  var keys: [SessionKey] { Array(byKey.keys) }

  func add(_ reader: Reader) {
    byKey[reader.key, default: []].append(reader)
    keyOf[reader.token] = reader.key
    armTimer(for: reader.lookAgain)
  }

  /// Removes those readers of a session for which `answers` returns that they are done.
  func answer(_ key: SessionKey, where answers: (inout Reader) -> Bool) {
    // Removed first: answering may let the client's next request in.
    guard let readers = byKey.removeValue(forKey: key) else { return }
    var kept: [Reader] = []
    for var reader in readers where !answers(&reader) { kept.append(reader) }
    for reader in readers { keyOf[reader.token] = nil }
    for reader in kept {
      keyOf[reader.token] = key
      armTimer(for: reader.lookAgain)
    }
    if !kept.isEmpty { byKey[key, default: []] += kept }
  }

  /// Removes a reader that has left; the fetch that it waited for goes on for the others.
  func forget(_ token: ResponseToken) {
    guard let key = keyOf.removeValue(forKey: token) else { return }
    byKey[key]?.removeAll { $0.token == token }
    if byKey[key]?.isEmpty == true { byKey[key] = nil }
  }

  /// Removes and returns all of them.
  func takeAll() -> [Reader] {
    defer { forgetAll() }
    return byKey.values.flatMap(\.self)
  }

  func forgetAll() {
    byKey = [:]
    keyOf = [:]
    timer.disarm()
  }

  private func lookAgainAtDue() {
    let now = scheduler.time
    for key in Array(byKey.keys) { answer(key) { $0.lookAgain <= now ? lookAgain(&$0) : false } }
  }

  private func armTimer(for deadline: Timestamp) {
    if let armed = timer.deadline, armed <= deadline.microseconds { return }
    timer.arm(at: deadline.microseconds)
  }
}

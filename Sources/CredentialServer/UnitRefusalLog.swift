import Core
package import Logs
package import Systemd
import Wire

/// Logs refused units: the first refusal at once, later ones summed up per unit, credential and minute. Otherwise, a
/// unit that is restarted every second would fill the journal.
package final class UnitRefusalLog {
  private struct Key: Hashable {
    let unit: UnitName
    let credential: String
    let kind: String
  }

  private struct Repeats {
    var count = 0
    let fields: [LogField]
  }

  private static let mostKeys = 1024
  private static let interval: Int64 = 60_000_000

  private let scheduler: any Scheduler
  private let log: Log
  private var timer: (any Alarm)!
  private var repeats: [Key: Repeats] = [:]
  /// The number of connections by peers other than systemd, by uid.
  private var strangers: [UInt32: Int] = [:]
  private(set) var counts: [UnitFigures.Refusal: UInt64] = [:]

  package init(scheduler: any Scheduler, log: Log) throws {
    self.scheduler = scheduler
    self.log = log
    timer = try scheduler.timer(accuracy: 1_000_000) { [unowned self] in sumUp() }
  }

  func note(_ refusal: UnitRefusal, of request: UnitRequest) {
    counts[refusal.kind, default: 0] += 1
    let key = Key(unit: request.unit, credential: request.credential, kind: refusal.kind.rawValue)
    if repeats[key] != nil {
      repeats[key]?.count += 1
      return
    }
    if repeats.count >= Self.mostKeys { return }
    let fields = (refusal.role.map { [LogField.role($0)] } ?? []) + [.unit(request.unit)]
    repeats[key] = Repeats(fields: fields)
    log.write(
      .unitRefused, fields + [.reason(refusal.reason(request)), .advice(refusal.advice(request))])
    arm()
  }

  /// Records a connection by a peer that isn't the system's service manager.
  func note(_ peer: Peer, claiming address: UnitAddress?) {
    counts[.otherPeer, default: 0] += 1
    if strangers[peer.uid] != nil {
      strangers[peer.uid]? += 1
      return
    }
    if strangers.count >= Self.mostKeys { return }
    strangers[peer.uid] = 0
    let unit = address.map { [LogField.unit($0.unit)] } ?? []
    log.write(
      .refused,
      [
        .uid(peer.uid), .pid(peer.pid),
        .reason(
          "only systemd's system manager may read the socket of [credentials]; readers use the one of [socket]"),
      ] + unit)
    arm()
  }

  private func sumUp() {
    for entry in repeats.values where entry.count > 0 {
      log.write(.unitRefusedAgain, entry.fields + [.count(entry.count)])
    }
    for (uid, count) in strangers where count > 0 { log.write(.refusedAgain, [.uid(uid), .count(count)]) }
    repeats = repeats.filter { $0.value.count > 0 }.mapValues { Repeats(fields: $0.fields) }
    strangers = strangers.filter { $0.value > 0 }.mapValues { _ in 0 }
    if !repeats.isEmpty || !strangers.isEmpty { arm() }
  }

  private func arm() {
    if !timer.isArmed { timer.arm(at: scheduler.time.microseconds + Self.interval) }
  }
}

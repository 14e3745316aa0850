import Core
import HTTPServer
import Logs
import Systemd

/// Logs users who are refused or keep others out: the first time at once, then summed up per uid, role and minute.
final class RefusalLog {
  /// What was refused.
  enum Object: Hashable {
    case role(RoleName)
    /// A path for administrators only.
    case path(String)
    /// A connection that the server itself refused or ended.
    case connection(ServerStatistics.Refusal)
    /// Not a refusal: a user who connects so fast that the listener's queue doesn't become empty.
    case acceptFlood
    /// At a loopback address.
    case loopback(Loopback)
    /// Another host, by its name, or a request that only such a host may make.
    case host(Host)
    /// Summarises objects when there are too many to list.
    case others

    /// Whether one user can cause as many of these as there are roles and paths.
    var isOneOfMany: Bool {
      switch self {
      case .role, .path, .loopback(.role), .host(.name): true
      case .host, .connection, .acceptFlood, .loopback, .others: false
      }
    }

    fileprivate var fields: [LogField] {
      switch self {
      case .role(let name): [.role(name)]
      case .path(let path): [.path(path)]
      case .connection(let reason): [.reason(reason.rawValue)]
      case .loopback(let object): object.fields
      case .host(let object): object.fields
      case .acceptFlood, .others: []
      }
    }

    fileprivate var firstEvent: LogEvent {
      switch self {
      case .acceptFlood, .loopback(.flood): .floods
      case .role, .path, .connection, .loopback, .host: .refused
      case .others: .refusedForTooMany
      }
    }

    fileprivate var summaryEvent: LogEvent {
      switch self {
      case .acceptFlood, .loopback(.flood): .floodsAgain
      case .role, .path, .connection, .loopback, .host, .others: .refusedAgain
      }
    }
  }

  /// What was refused at a loopback address, where no process is known, and of some callers not even the user.
  enum Loopback: Hashable {
    case role(RoleName)
    /// A caller who can't be identified, and why.
    case caller(String)
    /// A request that is answered to nobody, or a connection that the server refused or ended.
    case request(String)
    /// As `Object.acceptFlood`.
    case flood

    fileprivate var fields: [LogField] {
      switch self {
      case .role(let name): [.role(name), .via(.loopback)]
      case .caller(let reason), .request(let reason): [.reason(reason), .via(.loopback)]
      case .flood: [.via(.loopback)]
      }
    }
  }

  /// What was refused about other hosts.
  enum Host: Hashable {
    /// A host that has no role, or not this one.
    case name(String, RoleName?)
    /// A host of which too many requests wait.
    case waits(String)
    /// A request that isn't one of another host as the trusted proxy passes them on, and why.
    case request(String)

    fileprivate var fields: [LogField] {
      switch self {
      case .name(let name, let role?):
        [.host(name), .role(role), .reason("the role's allow.hosts doesn't name the host")]
      case .name(let name, nil): [.host(name), .reason("no role's allow.hosts names the host")]
      case .waits(let name): [.host(name), .reason("\(BundleService.mostWaits) requests of the host wait already")]
      case .request(let reason): [.reason(reason)]
      }
    }
  }

  private struct Key: Hashable {
    let uid: UInt32
    let object: Object
  }

  /// A user who is refused for a thousand objects doesn't get a line, or memory, for each.
  private static let mostKeys = 1024

  private let scheduler: any Scheduler
  private let callers: CallerLog
  /// In µs.
  private let interval: Int64
  private var timer: (any Alarm)!
  private var repeats: [Key: Int] = [:]

  /// Sums up once in `interval`.
  init(scheduler: any Scheduler, callers: CallerLog, interval: Duration = .seconds(60)) throws {
    self.scheduler = scheduler
    self.callers = callers
    self.interval = Int64(interval / .microseconds(1))
    timer = try scheduler.timer(accuracy: 1_000_000) { [unowned self] in sumUp() }
  }

  func note(_ object: Object, uid: UInt32, pid: Int32?, process: CallerLog.Process = .numbered) {
    var key = Key(uid: uid, object: object)
    if object.isOneOfMany, repeats[key] == nil, repeats.count >= Self.mostKeys { key = Key(uid: uid, object: .others) }
    if let count = repeats[key] {
      repeats[key] = count + 1
      return
    }
    repeats[key] = 0
    callers.write(key.object.firstEvent, key.object.fields, uid: uid, pid: pid, process: process)
    if !timer.isArmed { timer.arm(at: scheduler.time.microseconds + interval) }
  }

  private func sumUp() {
    for (key, count) in repeats where count > 0 {
      let counted: [LogField] = key.object.summaryEvent == .floodsAgain ? [] : [.count(count)]
      callers.write(key.object.summaryEvent, key.object.fields + counted, uid: key.uid)
    }
    repeats = repeats.filter { $0.value > 0 }.mapValues { _ in 0 }
    if !repeats.isEmpty { timer.arm(at: scheduler.time.microseconds + interval) }
  }
}

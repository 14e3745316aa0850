import Core
import Systemd
import Wire

/// A unit that is being reloaded, or that is to be.
struct UnitWork {
  enum Phase {
    /// Its state is to be asked for, or is being asked for.
    case looking
    /// Its job is to be queued: the call hasn't been sent.
    case ready
    /// The call is under way.
    case calling
    /// A job has to end first: its own, or one that somebody else has queued, such as its start.
    case awaiting(job: UInt32, isOwn: Bool, until: Timestamp)
    /// It is looked at again then.
    case pausing(until: Timestamp)
  }

  var phase = Phase.looking
  /// How many rotations there were when the call was sent: of all these, it reads the credentials.
  var calledAt: UInt64 = 0
  /// The roles, with the generations, for which it is reloaded.
  var roles: [RoleName: UInt64]
  /// Those whose credential is newer than what the job under way makes it read.
  var again: [RoleName: UInt64] = [:]
  /// By when a start that is under way has to be over; nil while none was seen, and after one that took too long.
  var startDeadline: Timestamp?
  var backoff = Backoff()
  /// The failure that was logged last, for these generations.
  var reported: UnitResult?

  init(roles: [RoleName: UInt64]) { self.roles = roles }

  /// When something is to be done about it; nil while it waits for an answer.
  var due: Timestamp? {
    switch phase {
    case .looking, .ready, .calling: nil
    case .awaiting(_, _, let end), .pausing(let end): end
    }
  }

  /// Whether whatever comes next makes the unit read a credential that is in place by now.
  var isBeforeCall: Bool {
    switch phase {
    case .looking, .ready, .pausing, .awaiting(_, false, _): true
    case .calling, .awaiting(_, true, _): false
    }
  }

  func isFor(_ role: RoleName) -> Bool { roles[role] != nil || again[role] != nil }

  /// Begins again, for what came meanwhile.
  mutating func restart(for roles: [RoleName: UInt64]) { self = UnitWork(roles: roles) }
}

/// What follows from a unit's state.
enum UnitVerdict: Equatable {
  /// It has nothing to reload.
  case nothing(UnitResult)
  case refresh
  /// It is starting: a reload would do nothing, now or later (tried with systemd 252 and 257), though it may have read the old credential.
  case awaitStart(job: UInt32)
  /// The same, without a job that could be waited for.
  case lookAgain

  /// Whether the unit needs no job, now or later.
  var isEnd: Bool { if case .nothing = self { true } else { false } }

  init(_ unit: ManagerConnection.Unit) {
    switch unit.activeState {
    case "inactive", "failed", "deactivating":
      switch unit.loadState {
      case "masked": self = .nothing(.masked)
      case "not-found": self = .nothing(.notFound)
      default:
        self = .nothing(
          unit.activeState == "failed" ? .unitFailed : unit.activeState == "deactivating" ? .stopping : .inactive)
      }
    // It ended, and starts by itself after RestartSec=, also where that was said to have ended already (systemd 254 and later).
    case "activating" where unit.subState.hasPrefix("auto-restart"): self = .nothing(.inactive)
    case "activating": self = unit.job == 0 ? .lookAgain : .awaitStart(job: unit.job)
    // active, reloading and what later versions add, such as refreshing: jobs of a unit that reloads are queued behind that.
    default: self = .refresh
    }
  }
}

/// What follows from an error of ReloadOrTryRestartUnit, by its name: the texts differ by version.
enum UnitCallFailure: Equatable {
  /// A person has to permit it.
  case notAllowed
  /// Something else is being done with the unit.
  case conflict
  /// It fails until somebody corrects the unit.
  case refused
  /// The bus or the manager didn't do its part.
  case unreachable

  init(_ error: ManagerConnection.CallError) {
    let manager = "org.freedesktop.systemd1."
    let bus = "org.freedesktop.DBus.Error."
    switch error.name {
    // systemd 252 has the former, 257 the latter (tried); so does a host without polkit.
    case bus + "InteractiveAuthorizationRequired", bus + "AccessDenied", bus + "AuthFailed": self = .notAllowed
    case manager + "TransactionIsDestructive", manager + "TransactionJobsConflicting": self = .conflict
    // A unit that was active a moment ago: it may run on though it has been masked, or its file has been removed.
    case manager + "UnitMasked", manager + "NoSuchUnit", manager + "LoadFailed", manager + "BadUnitSetting",
      manager + "UnitError", manager + "JobTypeNotApplicable",
      manager + "OnlyByDependency", bus + "InvalidArgs":
      self = .refused
    default: self = .unreachable
    }
  }
}

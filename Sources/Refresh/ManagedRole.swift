package import Core
package import Settings

/// One role as the daemon keeps it: its settings, its machine, and what readers get right now. A session that is derived from a role is kept
/// as another one of these.
package final class ManagedRole {
  package internal(set) var settings: RoleSettings
  package internal(set) var machine: RefreshMachine
  /// What plain reads get; nil when nothing is valid.
  package internal(set) var current: Handout?
  /// The number of the latest rotation that readers have seen; the machine's own is ahead while its effects are carried out.
  package internal(set) var generation: UInt64
  /// Whether readers have had any session of it, from this process.
  package var hasHadSession = false
  /// Up to which number the file of the generations says that they may have been used.
  package var coveredGeneration: UInt64 = 0
  package var handouts = ReadCounter()

  /// Whether its machine has had an outcome, success or failure; never false again.
  var hasHadOutcome = false
  private var fetches = FetchOutcomes()
  /// The call under way and who makes it, which may be about to be replaced by a reload.
  var call: (id: CallID, issuer: any SessionIssuer)?
  /// What is derived from it, or what it is derived from.
  var kinship: Kinship
  /// The fetch that waits for the source's first credential, or for a reader of a derived session; nil while none does.
  var heldFetch: RefreshEffect?
  /// Whether it waits for its source's first credential.
  package var waitsForSource: Bool { heldFetch != nil && !awaitsRead }
  /// Whether its first attempt has had an outcome, good or bad.
  package var hasHadFirstOutcome: Bool { hasHadOutcome }
  /// Its place in the schedule, used again once the role is gone.
  let slot: Int
  /// Counts the sessions issued, for `{slot}`; an earlier process's, too, where it handed them over.
  package internal(set) var issued = 0

  package var name: RoleName { settings.name }

  /// Whether plain reads get a credential at `now`.
  package func isValid(at now: Timestamp) -> Bool { current.map { now < $0.lapses } ?? (serving(at: now) != nil) }

  /// Outcomes of attempts by error code, `Success` among them.
  package var outcomes: [String: UInt64] { fetches.all }

  /// The same in the order of the codes.
  package func forEachOutcome(_ body: (_ code: String, _ count: UInt64) -> Void) { fetches.forEach(body) }

  /// Those of derived sessions are counted together.
  func changeOutcomes(_ change: (inout FetchOutcomes) -> Void) {
    if let sessions = origin?.derivedSessions { change(&sessions.fetches) } else { change(&fetches) }
  }

  init(_ settings: RoleSettings, machine: RefreshMachine, slot: Int, kinship: Kinship = .none) {
    self.kinship = kinship
    self.settings = settings
    self.machine = machine
    self.slot = slot
    generation = machine.generation
  }
}

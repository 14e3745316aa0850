package import Core
package import Settings

/// One role as the daemon keeps it: its settings, its machine, and what readers get right now.
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
  private var successes: UInt64 = 0
  /// Other outcomes of attempts by error code. Most roles have none, and a dictionary of one entry takes hundreds of bytes.
  private var otherOutcomes: [String: UInt64] = [:]
  /// The call under way and who makes it, which may be about to be replaced by a reload.
  var call: (id: CallID, issuer: any SessionIssuer)?
  /// The fetch that waits for the source's first credential; nil while none does.
  var heldFetch: RefreshEffect?
  /// Whether it waits for its source's first credential.
  package var waitsForSource: Bool { heldFetch != nil }
  /// Whether its first attempt has had an outcome, good or bad.
  package var hasHadFirstOutcome: Bool { hasHadOutcome }
  /// Its place in the schedule, used again once the role is gone.
  let slot: Int
  /// Counts the sessions issued, for `{slot}`; an earlier process's, too, where it handed them over.
  package internal(set) var issued = 0

  package var name: RoleName { settings.name }

  /// Whether plain reads get a credential at `now`.
  package func isValid(at now: Timestamp) -> Bool { current.map { now < $0.lapses } ?? false }

  /// Outcomes of attempts by error code, `Success` among them.
  package var outcomes: [String: UInt64] {
    var all = otherOutcomes
    if successes > 0 { all[Self.success] = successes }
    return all
  }

  /// The same in the order of the codes; without a dictionary where every attempt has gone well.
  package func forEachOutcome(_ body: (_ code: String, _ count: UInt64) -> Void) {
    if !otherOutcomes.isEmpty {
      for (code, count) in outcomes.sorted(by: { $0.key < $1.key }) { body(code, count) }
    } else if successes > 0 {
      body(Self.success, successes)
    }
  }

  private static let success = "Success"

  func countSuccess() { successes += 1 }

  /// Counts an outcome that is no success; beyond 50 different codes they are all `Other`, since codes come from outside.
  func count(outcome code: String) {
    let isKnown = otherOutcomes[code] != nil || otherOutcomes.count < 50
    otherOutcomes[isKnown ? code : "Other", default: 0] += 1
  }

  init(_ settings: RoleSettings, machine: RefreshMachine, slot: Int) {
    self.settings = settings
    self.machine = machine
    self.slot = slot
    generation = machine.generation
  }
}

package import Core
package import Refresh

/// A session that a unit has had in one of its invocations.
package struct UnitHandout {
  package let unit: UnitName
  package let invocation: String
  package let role: RoleName
  package let handout: Handout

  package init(unit: UnitName, invocation: String, role: RoleName, handout: Handout) {
    self.unit = unit
    self.invocation = invocation
    self.role = role
    self.handout = handout
  }
}

/// Records which session of each role an invocation of a unit got.
///
/// One start asks once for each ExecStartPre= and once for ExecStart=, each time on a connection of its own (tried on systemd 252 and 257): a
/// check in ExecStartPre= has to see the credential that the program gets, also when the role is refreshed in between, and when the daemon is
/// restarted: the next process gets these, too.
struct InvocationSessions {
  private struct Line {
    var invocation: String?
    var handouts: [RoleName: Handout] = [:]
    /// The sessions whose hand-out was logged.
    var logged: [RoleName: SessionID] = [:]
    var lastUse: Timestamp
  }

  /// Superseded sessions stay in memory for at most this many units.
  private static let most = 1024

  private var lines: [UnitName: Line] = [:]

  var count: Int { lines.count }

  /// The units that have had sessions in an invocation that is known.
  var units: [UnitName] { lines.filter { !$0.value.handouts.isEmpty }.map(\.key) }

  /// All that the unit's latest invocation had.
  func handouts(to unit: UnitName) -> [UnitHandout] {
    guard let line = lines[unit], let invocation = line.invocation else { return [] }
    return line.handouts.map { UnitHandout(unit: unit, invocation: invocation, role: $0.key, handout: $0.value) }
  }

  /// The session that this invocation had; nil when it had none, or the unit runs by another one.
  func handout(of role: RoleName, to unit: UnitName, in invocation: String?) -> Handout? {
    guard let invocation, let line = lines[unit], line.invocation == invocation else { return nil }
    return line.handouts[role]
  }

  /// Records that a session is handed out. True if the unit gets it for the first time.
  mutating func note(
    _ handout: Handout, of role: RoleName, to unit: UnitName, in invocation: String?, at now: Timestamp
  ) -> Bool {
    var line = lines[unit] ?? Line(invocation: invocation, lastUse: now)
    if line.invocation != invocation { (line.invocation, line.handouts) = (invocation, [:]) }
    // If the invocation isn't known, the unit gets the latest session each time, and nothing is kept.
    if invocation != nil { line.handouts[role] = handout }
    let isNew = line.logged.updateValue(handout.session.id, forKey: role) != handout.session.id
    line.lastUse = now
    if lines[unit] == nil { makeRoom() }
    lines[unit] = line
    return isNew
  }

  /// Forgets a session that must not be handed out again.
  mutating func forget(_ session: SessionID) {
    for (unit, line) in lines where line.handouts.contains(where: { $0.value.session.id == session }) {
      lines[unit]?.handouts = line.handouts.filter { $0.value.session.id != session }
    }
  }

  /// Forgets what the unit's invocation had.
  mutating func forget(_ unit: UnitName) { lines[unit]?.handouts = [:] }

  /// Forgets a role that was removed, or whose name another role gets.
  mutating func forget(_ role: RoleName) {
    for unit in lines.keys {
      lines[unit]?.handouts[role] = nil
      lines[unit]?.logged[role] = nil
    }
  }

  /// Drops the secrets of sessions that have expired.
  mutating func dropLapsed(at now: Timestamp) {
    for (unit, line) in lines where line.handouts.contains(where: { $0.value.lapses <= now }) {
      lines[unit]?.handouts = line.handouts.filter { now < $0.value.lapses }
    }
  }

  private mutating func makeRoom() {
    guard lines.count >= Self.most, let oldest = lines.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
    lines[oldest.key] = nil
  }
}

import Core

/// The sessions whose secrets a driver would store, by the machine's effects: exactly those that the machine holds.
extension Simulator {
  mutating func hold(_ session: Session, _ slot: Int, _ host: Int) {
    if !hosts[host].roles[slot].take(session) {
      findings.note("\(name(slot, host)): a session is held that hasn't just come")
    }
  }

  mutating func discard(_ id: SessionID, _ slot: Int, _ host: Int) {
    if !hosts[host].roles[slot].drop(id) {
      findings.note("\(name(slot, host)): a session is discarded that isn't stored")
    }
  }

  /// The store holds what the machine holds, and what is handed out is the one of the pool that lives longest.
  mutating func checkStore(_ slot: Int, _ host: Int) {
    guard let fault = hosts[host].roles[slot].storeFault() else { return }
    findings.note("\(name(slot, host)): \(fault)")
  }
}

extension SimulatedRole {
  /// Stores a session; false when it isn't the one that has just come.
  mutating func take(_ session: Session) -> Bool {
    defer { arrival = nil }
    stored.append(Stored(session))
    return arrival == session.id
  }

  /// Forgets a session; false when it neither has just come nor is stored.
  mutating func drop(_ id: SessionID) -> Bool {
    if arrival == id {
      arrival = nil
      return true
    }
    guard let index = stored.firstIndex(where: { $0.id == id }) else { return false }
    stored.remove(at: index)
    return true
  }

  /// What is wrong with the store, beside the machine; nil when nothing is.
  // Mutating, since a read of an element of an array is a copy of it.
  mutating func storeFault() -> String? {
    if stored.count != machine.heldSessions.count {
      return "\(stored.count) sessions are stored, the machine holds \(machine.heldSessions.count)"
    }
    for session in stored where !machine.holds(session.id) {
      return "a session is stored that the machine doesn't hold"
    }
    if reading.servedID != machine.freshestID { return "what is handed out isn't what lives longest" }
    return nil
  }
}

import Core

/// The sessions whose secrets a driver would store, by the machine's effects: exactly those that the machine holds.
extension Simulator {
  mutating func hold(_ session: Session, _ slot: Int, _ host: Int) {
    if hosts[host].roles[slot].arrival != session.id {
      findings.note("\(name(slot, host)): a session is held that hasn't just come")
    }
    hosts[host].roles[slot].arrival = nil
    hosts[host].roles[slot].stored.append(session)
  }

  mutating func discard(_ id: SessionID, _ slot: Int, _ host: Int) {
    if hosts[host].roles[slot].arrival == id {
      hosts[host].roles[slot].arrival = nil
    } else if let index = hosts[host].roles[slot].stored.firstIndex(where: { $0.id == id }) {
      hosts[host].roles[slot].stored.remove(at: index)
    } else {
      findings.note("\(name(slot, host)): a session is discarded that isn't stored")
    }
  }

  /// The store holds what the machine holds, and what is handed out is the one of the ring that lives longest.
  mutating func checkStore(_ slot: Int, _ host: Int) {
    guard let fault = hosts[host].roles[slot].storeFault() else { return }
    findings.note("\(name(slot, host)): \(fault)")
  }
}

extension SimulatedRole {
  /// What is wrong with the store, beside the machine; nil when nothing is.
  // Mutating, since a read of an element of an array is a copy of it.
  mutating func storeFault() -> String? {
    if stored.count != machine.heldCount {
      return "\(stored.count) sessions are stored, the machine holds \(machine.heldCount)"
    }
    for session in stored where !machine.holds(session.id) {
      return "a session is stored that the machine doesn't hold"
    }
    if reading.served?.session.id != machine.freshest?.id { return "what is handed out isn't what lives longest" }
    return nil
  }
}

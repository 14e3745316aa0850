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
    let role = hosts[host].roles[slot]
    if role.stored.count != role.machine.heldCount
      || !role.machine.heldSessions.allSatisfy({ id in role.stored.contains { $0.id == id } })
    {
      findings.note(
        "\(name(slot, host)): \(role.stored.count) sessions are stored, the machine holds \(role.machine.heldCount)")
    }
    if role.reading.served?.session.id != role.machine.freshest?.id {
      findings.note("\(name(slot, host)): what is handed out isn't what lives longest")
    }
  }
}

import Core

/// Readers who wait or want more than the pool has, answered as the daemon's socket does.
extension Simulator {
  mutating func read(_ query: ReaderQuery, uid: UInt32, _ slot: Int, _ host: Int) {
    var waiter = SimulatedRole.Waiter(query: query, uid: uid, lookAgain: query.deadline)
    if !answer(&waiter, slot, host) { wait(waiter, slot, host) }
  }

  mutating func lookAtWaiters(_ slot: Int, _ host: Int) {
    let waiters = hosts[host].roles[slot].waiters
    hosts[host].roles[slot].waiters = []
    hosts[host].readers.remove(slot)
    for var waiter in waiters where !answer(&waiter, slot, host) { wait(waiter, slot, host) }
  }

  private mutating func wait(_ waiter: SimulatedRole.Waiter, _ slot: Int, _ host: Int) {
    hosts[host].roles[slot].waiters.append(waiter)
    let first = hosts[host].readers[slot].map { min($0, waiter.lookAgain) } ?? waiter.lookAgain
    hosts[host].readers.set(slot, to: first)
  }

  /// Answers a reader whose answer is certain; false when it waits on.
  private mutating func answer(_ waiter: inout SimulatedRole.Waiter, _ slot: Int, _ host: Int) -> Bool {
    waiter.lookAgain = waiter.query.deadline
    let chances = hosts[host].schedule.chances(of: slot, at: now)
    switch hosts[host].roles[slot].machine.offer(to: waiter.query, at: now, chances: chances) {
    case .session(let session):
      checkServed(session, waiter.query, slot, host)
      return true
    case .tooLong, .refused, .notInTime, .rateTooLow: return refuse(waiter, slot, host)
    case .wait: return now >= waiter.query.deadline ? refuse(waiter, slot, host) : false
    case .fetch(let duration, let joins):
      if now > waiter.query.since && now >= waiter.query.deadline { return refuse(waiter, slot, host) }
      if !joins, let wait = hosts[host].limits.admit(uid: waiter.uid, at: now) {
        guard now + wait <= waiter.query.deadline else { return refuse(waiter, slot, host) }
        waiter.lookAgain = now + wait
        return false
      }
      deliver(.reservationRequested(duration), to: slot, of: host)
      return now >= waiter.query.deadline ? refuse(waiter, slot, host) : false
    }
  }

  /// Nobody is refused while a session that would do is held.
  private mutating func refuse(_ waiter: SimulatedRole.Waiter, _ slot: Int, _ host: Int) -> Bool {
    findings.counts.refusals += 1
    noteUnkept(waiter, slot, host)
    let margin = hosts[host].roles[slot].machine.timing.lapseMargin
    let least = max(waiter.query.minTTL ?? .zero, margin + .microseconds(1))
    let clock = hosts[host].schedule.clock
    for session in hosts[host].roles[slot].stored {
      let life = session.end(by: clock) - now
      if life >= least {
        findings.note("\(name(slot, host)): a reader was refused, and a session held has \(life.text)")
      }
    }
    return true
  }

  /// Beside roles that fail, whoever is willing to wait gets a session of one that works.
  private mutating func noteUnkept(_ waiter: SimulatedRole.Waiter, _ slot: Int, _ host: Int) {
    guard scenario.promisesService, !scenario.uncountedRoles.contains(slot),
      waiter.query.since >= scenario.countsReadsFrom
    else { return }
    findings.note(
      "\(name(slot, host)): a reader was refused \(waiter.query.minTTL?.text ?? "any session") after "
        + "\((now - waiter.query.since).text), and the role works")
  }

  /// What was promised to last does so by the server's clock, and its secrets are stored.
  private mutating func checkServed(_ session: Session, _ query: ReaderQuery, _ slot: Int, _ host: Int) {
    if let minTTL = query.minTTL {
      findings.counts.reservationsServed += 1
      let life = ModelledSTS.instant(of: session.expiration) - now
      if life < minTTL {
        findings.note("\(name(slot, host)): \(minTTL.text) were promised, the session has \(life.text)")
      }
    }
    if !hosts[host].roles[slot].stored.contains(where: { $0.id == session.id }) {
      findings.note("\(name(slot, host)): a session is handed out that isn't stored")
    }
  }
}

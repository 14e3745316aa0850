import Core

/// What happens to one host, and to those on it who want more than the ring has.
extension Simulator {
  mutating func befall(_ incident: Incident) {
    let host = incident.host
    guard hosts[host].isStarted && hosts[host].pausedUntil == nil else { return }
    switch incident.kind {
    case .restart(let wait):
      for slot in hosts[host].roles.indices { serve(nil, slot, host) }
      hosts[host].restart(scenario, at: now + wait)
      hosts[host].pausedUntil = now + wait
    case .suspend(let span): suspend(host, until: now + span)
    case .wallClockStep(let step): stepWallClock(of: host, by: step)
    case .reload: for slot in hosts[host].roles.indices { deliver(.cureSuspected, to: slot, of: host) }
    case .refresh(let slot): deliver(.refreshRequested, to: slot, of: host)
    case .reserve(let slot, let minTTL, let uid): reserve(minTTL, slot: slot, host: host, uid: uid)
    }
  }

  /// Readers sleep too; the connections of calls under way are dead when it wakes.
  private mutating func suspend(_ host: Int, until end: Timestamp) {
    hosts[host].pausedUntil = end
    for slot in hosts[host].roles.indices {
      hosts[host].roles[slot].reading.count(until: now, &findings.reads)
      hosts[host].roles[slot].reading.begin(at: end)
      if hosts[host].roles[slot].call != nil {
        hosts[host].roles[slot].call?.outcome = .refused(.cut, date: nil)
        hosts[host].outcomes.set(slot, to: end + .milliseconds(10))
      }
    }
  }

  private mutating func stepWallClock(of host: Int, by step: Duration) {
    hosts[host].wallError += step
    let wall = SimulatedHost.wall(error: hosts[host].wallError, at: now)
    hosts[host].schedule.wallClockStepped(toMicroseconds: wall, at: now)
    correctClock(of: host)
    guard abs(step.microseconds) > ServerClock.agreement.microseconds else { return }
    for slot in hosts[host].roles.indices { deliver(.refreshRequested, to: slot, of: host) }
  }

  mutating func correctClock(of host: Int) {
    let clock = hosts[host].schedule.clock
    for slot in hosts[host].roles.indices {
      hosts[host].roles[slot].reading.judge(by: clock, timing: scenario.timing, at: now, &findings.reads)
      deliver(.clockCorrected(clock), to: slot, of: host)
    }
  }

  // MARK: - Reservations

  private mutating func reserve(_ minTTL: Duration, slot: Int, host: Int, uid: UInt32) {
    switch hosts[host].roles[slot].machine.reservation(minTTL: minTTL, at: now) {
    case .ready(let session): checkReserved(session, for: minTTL, slot, host)
    case .tooLong, .tooSoon: break
    case .underWay: wait(for: minTTL, slot, host)
    case .draw(let duration):
      guard hosts[host].limits.admit(uid: uid, at: now) == nil else { return }
      wait(for: minTTL, slot, host)
      deliver(.reservationRequested(duration), to: slot, of: host)
    }
  }

  private mutating func wait(for minTTL: Duration, _ slot: Int, _ host: Int) {
    hosts[host].roles[slot].waiters.append(SimulatedRole.Waiter(minTTL: minTTL, deadline: now + .seconds(60)))
  }

  mutating func answerWaiters(_ slot: Int, _ host: Int) {
    let waiters = hosts[host].roles[slot].waiters
    hosts[host].roles[slot].waiters = []
    for waiter in waiters where now <= waiter.deadline {
      if case .ready(let session) = hosts[host].roles[slot].machine.reservation(minTTL: waiter.minTTL, at: now) {
        checkReserved(session, for: waiter.minTTL, slot, host)
      } else {
        hosts[host].roles[slot].waiters.append(waiter)
      }
    }
  }

  /// What was promised to last does so by the server's clock, and its secrets are kept.
  private mutating func checkReserved(_ session: Session, for minTTL: Duration, _ slot: Int, _ host: Int) {
    findings.counts.reservationsServed += 1
    let life = ModelledSTS.instant(of: session.expiration) - now
    if life < minTTL {
      findings.note("\(name(slot, host)): \(minTTL.text) were promised, the session has \(life.text)")
    }
    if !hosts[host].roles[slot].machine.heldSessions.contains(session.id) {
      findings.note("\(name(slot, host)): the session promised for \(minTTL.text) isn't kept")
    }
  }
}

import Core

/// What happens to one host.
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
    case .reload:
      for slot in hosts[host].roles.indices { deliver(.mayBeFixed, to: slot, of: host) }
      settingsChanged(host)
    case .refresh(let slot): refresh(slot, host)
    case .read(let slot, let minTTL, let wait, let uid):
      read(ReaderQuery(minTTL: minTTL, since: now, deadline: now + wait), uid: uid, slot, host)
    case .changeTiming(let slot, let timing):
      change(to: timing, slot, host)
      settingsChanged(host)
    case .changeRequest(let slot):
      deliver(.requestChanged, to: slot, of: host)
      settingsChanged(host)
    case .condemn(let slot, let session): condemn(session, slot, host)
    }
  }

  private mutating func settingsChanged(_ host: Int) {
    for slot in hosts[host].roles.indices { lookAtWaiters(slot, host) }
  }

  /// As a reload does it.
  private mutating func change(to timing: RoleTiming, _ slot: Int, _ host: Int) {
    let old = hosts[host].roles[slot].machine.timing
    let clock = hosts[host].schedule.clock
    hosts[host].roles[slot].reading.judge(by: clock, timing: timing, at: now, &findings.reads)
    deliver(.timingChanged(timing), to: slot, of: host)
    if old.duration != timing.duration { deliver(.requestChanged, to: slot, of: host) }
  }

  private mutating func condemn(_ session: Int, _ slot: Int, _ host: Int) {
    let held = hosts[host].roles[slot].machine.heldSessions
    guard !held.isEmpty else { return }
    let id = held[session % held.count]
    findings.counts.condemned += 1
    deliver(.condemned(id), to: slot, of: host)
    if hosts[host].roles[slot].stored.contains(where: { $0.id == id }) {
      findings.note("\(name(slot, host)): a condemned session is still stored")
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
    for slot in hosts[host].roles.indices { refresh(slot, host) }
  }

  mutating func correctClock(of host: Int) {
    let clock = hosts[host].schedule.clock
    for slot in hosts[host].roles.indices {
      hosts[host].roles[slot].reading.judge(
        by: clock, timing: hosts[host].roles[slot].machine.timing, at: now, &findings.reads)
      deliver(.clockCorrected(clock), to: slot, of: host)
    }
  }
}

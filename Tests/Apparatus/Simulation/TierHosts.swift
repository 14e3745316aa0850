import Core
import TestSupport

/// The second stage: the hosts of a tier, which ask its machines by `BundleSchedule` and keep what they get.
///
/// They do nothing to each other, so each is run by itself through a window of time, for which the first stage has been run.
/// A machine answers at once. A host's clock is right, and a session ends for it when it ends for STS.
struct TierHosts {
  private enum Activity {
    /// It is down, until its next instant.
    case off
    /// The bundle is asked for when it is due.
    case armed
    case polling
    /// A machine holds the answer back, since the sessions are being fetched for the first time.
    case asking
  }

  private struct Host {
    var schedule: BundleSchedule
    var activity = Activity.off
    /// The first machine in its order.
    let home: Int
    /// Which one is asked, counted from `home`.
    var asked = 0
    var holdsBundle = false
    /// Which one gave it.
    var machine = 0
    var begun: Timestamp
    var wait = Duration.zero
    /// How many changes of its cell on the machine of its bundle it has seen.
    var version = 0
    /// What the tier wishes.
    let refresh: Duration
    var started: Timestamp
    var restart = Timestamp(microseconds: .max)
    /// Whether a machine that has no session answered the request, and after how long it is to be asked again.
    var retryAfter: Duration?
  }

  /// What is known of a cell's machines in a window of time.
  struct Window {
    let end: Timestamp
    let cell: Int
    /// By machine.
    let cells: [TierTimeline.Cell]
    let areSteady: [Bool]
    let endWaits: [Bool]
    let isUp: [Bool]
    let retryAfter: [Duration]

    func endOfWaits(on machine: Int, after begun: Timestamp) -> Timestamp? {
      guard endWaits[machine] else { return nil }
      return cells[machine].changes.first { $0.endsWaits && $0.at > begun }?.at
    }
  }

  private static let refused = Failure(.transient, code: "ConnectRefused", advice: "")
  private static let never = Timestamp(microseconds: .max)
  private static let none = Timestamp(microseconds: .min)

  private let fleet: TierFleet
  private let timing: RoleTiming
  private let roles: Int
  /// The hosts of each cell are next to each other.
  private var hosts: [Host] = []
  private let ofCell: [Range<Int>]
  private var next: [Timestamp] = []
  /// By host and role: when the session ends, which machine it is of, and up to when its reads are counted.
  private var ends: [Timestamp]
  private var origins: [Int8]
  private var since: [Timestamp]
  private var chance: SeededGenerator
  private let seconds: Int
  /// The state of the cell that is looked at.
  private var latest: [Timestamp?]
  /// Hosts with machines of their own.
  private var witnesses: [Int: TierWitness] = [:]
  private(set) var violations: [String] = []
  /// By machine and second.
  private var perSecond: [UInt32]
  /// How many hosts each one that is simulated stands for.
  private var scale = 1
  private(set) var reads = HostReads()
  private(set) var waits: [Duration] = []
  /// Since when roles that have nothing could have something: the end of what happened.
  private var recoveringSince = Timestamp(microseconds: 0)
  /// Cells whose sessions a machine has to fetch, and when each was asked for last.
  private(set) var demands: Set<Demand> = []
  /// By machine and cell.
  private(set) var uses: [Timestamp]

  struct Demand: Hashable {
    let machine: Int
    let cell: Int
  }

  init(_ fleet: TierFleet) {
    self.fleet = fleet
    // As `TierRole` has it: the tier decides how long sessions last.
    timing = RoleTiming(
      duration: RoleTiming.allowedDuration.upperBound, pool: 1, refreshAfter: .minutes(10), floor: fleet.timing.floor,
      surviveOutage: fleet.timing.surviveOutage, lapseMargin: fleet.timing.lapseMargin)
    roles = fleet.rolesPerHost
    chance = SeededGenerator(seed: fleet.seed &+ 0x5EC0)
    seconds = Int(fleet.span.wholeSeconds) + 1
    perSecond = Array(repeating: 0, count: seconds * fleet.machines)
    uses = Array(repeating: Self.none, count: fleet.cells * fleet.machines)
    latest = Array(repeating: nil, count: roles)
    var numbers: [[UInt32]] = Array(repeating: [], count: fleet.cells)
    for index in 0..<fleet.hosts {
      let number = HostNumber.of("host-\(index).prod.example")
      numbers[fleet.cell(of: number)].append(number)
    }
    var ranges: [Range<Int>] = []
    let mean = fleet.timing.hostRefresh
    for cell in numbers {
      ranges.append(hosts.count..<hosts.count + cell.count)
      for number in cell {
        let start = Timestamp(microseconds: 0) + chance.duration(.zero...fleet.startWithin)
        hosts.append(
          Host(
            schedule: BundleSchedule(at: start), home: Int(chance.next() % UInt64(fleet.machines)), begun: start,
            refresh: RoleTiming.refresh(mean, ofHost: number), started: start))
        next.append(start)
      }
    }
    ofCell = ranges
    ends = Array(repeating: Self.none, count: fleet.hosts * roles)
    origins = Array(repeating: -1, count: fleet.hosts * roles)
    since = Array(repeating: Timestamp(microseconds: 0), count: fleet.hosts * roles)
  }

  // MARK: - Time

  /// Whether a host of the cell has something to do before `end`.
  func areIdle(_ cell: Int, until end: Timestamp) -> Bool { ofCell[cell].allSatisfy { next[$0] >= end } }

  mutating func turn(_ window: Window) {
    let endsWaits = window.endWaits.contains(true)
    for host in ofCell[window.cell] {
      if endsWaits { hasten(host, window) }
      while next[host] < window.end { turn(host, at: next[host], window) }
    }
  }

  private mutating func turn(_ host: Int, at now: Timestamp, _ window: Window) {
    if hosts[host].restart <= now { return turnOff(host, at: now) }
    switch hosts[host].activity {
    case .off: start(host, at: now, window)
    case .armed where now < hosts[host].schedule.nextRequest: poll(host, at: now, window)
    case .armed: ask(host, at: now, window)
    case .polling: endPoll(host, at: now, window)
    case .asking: endWait(host, at: now, window)
    }
  }

  private mutating func setNext(_ host: Int, to instant: Timestamp) { next[host] = min(instant, hosts[host].restart) }

  private mutating func arm(_ host: Int) {
    hosts[host].activity = .armed
    setNext(host, to: hosts[host].schedule.due)
  }

  /// A wait ends before its time.
  private mutating func hasten(_ host: Int, _ window: Window) {
    let machine: Int
    switch hosts[host].activity {
    case .polling: machine = hosts[host].machine
    case .asking: machine = askedMachine(host)
    case .off, .armed: return
    }
    if let end = window.endOfWaits(on: machine, after: hosts[host].begun) { next[host] = min(next[host], end) }
  }

  private func askedMachine(_ host: Int) -> Int { (hosts[host].home + hosts[host].asked) % fleet.machines }

  /// Has one of many hosts do what the daemon does with a bundle, and compares what its readers get.
  private mutating func witness(_ host: Int, _ act: (inout TierWitness, TierHosts) -> Void) {
    guard host % fleet.witnessOf == 0 else { return }
    var witness =
      witnesses.removeValue(forKey: host) ?? TierWitness(roles: roles, timing: timing, at: hosts[host].started)
    act(&witness, self)
    witnesses[host] = witness
  }

  private mutating func compare(_ host: Int, at now: Timestamp) {
    guard host % fleet.witnessOf == 0, violations.count < 5, let witness = witnesses[host] else { return }
    for role in 0..<roles where witness.served(role, at: now) != held(host, role, at: now) {
      violations.append(
        "role \(role) of host \(host) at \(now.microseconds) µs: readers get another session than by the role's machine"
      )
    }
  }

  // MARK: - What happens to hosts

  /// Only one of so many is simulated from now on, in each cell.
  mutating func sample(oneOf count: Int) {
    guard count > 1 else { return }
    scale = count
    for host in hosts.indices where host % count != 0 {
      hosts[host].activity = .off
      next[host] = Self.never
    }
  }

  /// Each is restarted once within the span.
  mutating func restart(within span: Duration, from now: Timestamp) {
    for host in hosts.indices {
      hosts[host].restart = now + chance.duration(.zero...span)
      setNext(host, to: next[host])
    }
  }

  /// What happened is over: waits are counted from now on.
  mutating func recover(at now: Timestamp) {
    recoveringSince = now
    waits = []
  }

  /// Connections to the machine break.
  mutating func lose(_ machine: Int, at now: Timestamp) {
    for host in hosts.indices {
      switch hosts[host].activity {
      case .polling where hosts[host].machine == machine: next[host] = now
      case .asking where askedMachine(host) == machine: next[host] = now
      default: break
      }
    }
  }

  private mutating func turnOff(_ host: Int, at now: Timestamp) {
    for role in 0..<roles {
      count(host, role, until: now)
      ends[host * roles + role] = Self.none
    }
    witnesses[host] = nil
    hosts[host].restart = Self.never
    hosts[host].activity = .off
    hosts[host].holdsBundle = false
    hosts[host].schedule = BundleSchedule(at: now + TierFleet.downTime)
    next[host] = now + TierFleet.downTime
  }

  private mutating func start(_ host: Int, at now: Timestamp, _ window: Window) {
    hosts[host].started = now
    for role in 0..<roles { since[host * roles + role] = now }
    ask(host, at: now, window)
  }

  // MARK: - Requests

  private mutating func ask(_ host: Int, at now: Timestamp, _ window: Window) {
    hosts[host].asked = 0
    hosts[host].retryAfter = nil
    askMachines(host, at: now, window)
  }

  /// From the one whose turn it is.
  private mutating func askMachines(_ host: Int, at now: Timestamp, _ window: Window) {
    while hosts[host].asked < fleet.machines {
      let machine = askedMachine(host)
      if window.isUp[machine] {
        countRequest(to: machine, of: window.cell, at: now)
        let isNew = !window.cells[machine].isInUse
        if isNew { demands.insert(Demand(machine: machine, cell: window.cell)) }
        if isNew || window.cells[machine].isPending.contains(true) {
          hosts[host].activity = .asking
          hosts[host].begun = now
          let end = window.endOfWaits(on: machine, after: now)
          return setNext(host, to: min(end ?? Self.never, now + RequestWait.ofNewShard))
        }
        if hasSession(machine, at: now, window) { return receive(host, from: machine, at: now, window) }
        hosts[host].retryAfter = max(hosts[host].retryAfter ?? .zero, window.retryAfter[machine])
      }
      hosts[host].asked += 1
    }
    fail(host, at: now)
  }

  /// The tier answers what it held back.
  private mutating func endWait(_ host: Int, at now: Timestamp, _ window: Window) {
    let machine = askedMachine(host)
    if window.isUp[machine] {
      if hasSession(machine, at: now, window) { return receive(host, from: machine, at: now, window) }
      hosts[host].retryAfter = max(hosts[host].retryAfter ?? .zero, window.retryAfter[machine])
    }
    hosts[host].asked += 1
    askMachines(host, at: now, window)
  }

  private mutating func fail(_ host: Int, at now: Timestamp) {
    var failure = Self.refused
    if let wait = hosts[host].retryAfter {
      failure = Failure(.transient, code: "TierNotReady", httpStatus: 503, notBefore: wait, advice: "")
    }
    hosts[host].schedule.failed(
      failure, holdsBundle: hosts[host].holdsBundle, headroom: headroom(host, at: now), at: now, using: &chance)
    witness(host) { (witness, hosts) in
      witness.fail(failure, next: hosts.hosts[host].schedule.nextRequest, at: now)
    }
    compare(host, at: now)
    arm(host)
  }

  /// The least one of its roles, as `RefreshMachine` has it.
  private func headroom(_ host: Int, at now: Timestamp) -> Duration {
    var least = Duration.hours(24)
    for role in 0..<roles {
      guard let end = held(host, role, at: now) else { return .zero }
      least = min(least, max(.zero, end - timing.floor - now))
    }
    return least
  }

  /// When the session ends that readers get; nil if they get none.
  private func held(_ host: Int, _ role: Int, at now: Timestamp) -> Timestamp? {
    let end = ends[host * roles + role]
    return end != Self.none && end - timing.lapseMargin > now ? end : nil
  }

  private mutating func countRequest(to machine: Int, of cell: Int, at now: Timestamp) {
    perSecond[machine * seconds + Int(now.microseconds / 1_000_000)] += UInt32(scale)
    let place = machine * fleet.cells + cell
    if uses[place] < now { uses[place] = now }
  }

  // MARK: - Bundles

  private func hasSession(_ machine: Int, at now: Timestamp, _ window: Window) -> Bool {
    if window.areSteady[machine] { return true }
    for role in 0..<roles where Self.end(of: role, on: window.cells[machine], at: now) != nil { return true }
    return false
  }

  private static func end(of role: Int, on cell: TierTimeline.Cell, at now: Timestamp) -> Timestamp? {
    let latest = cell.changes.last { $0.at <= now && Int($0.role) == role }
    return latest.map { $0.end } ?? cell.ends[role]
  }

  private func version(_ cell: TierTimeline.Cell, at now: Timestamp) -> Int {
    var count = cell.changes.count
    while count > 0, cell.changes[count - 1].at > now { count -= 1 }
    return cell.forgotten + count
  }

  /// A bundle that was asked for, or that it is the same.
  private mutating func receive(_ host: Int, from machine: Int, at now: Timestamp, _ window: Window) {
    takeBundle(host, of: machine, version(window.cells[machine], at: now), at: now, window)
    succeed(host, at: now, window)
  }

  private mutating func succeed(_ host: Int, at now: Timestamp, _ window: Window) {
    hosts[host].schedule.answered(refreshAfter: hosts[host].refresh, at: now)
    witness(host) { (witness, hosts) in witness.deliver(next: hosts.hosts[host].schedule.nextRequest, at: now) }
    compare(host, at: now)
    poll(host, at: now, window)
  }

  private mutating func takeBundle(
    _ host: Int, of machine: Int, _ version: Int, at now: Timestamp, _ window: Window
  ) {
    let seen = hosts[host].version - window.cells[machine].forgotten
    let isSame = hosts[host].holdsBundle && hosts[host].machine == machine
    hosts[host].holdsBundle = true
    hosts[host].machine = machine
    hosts[host].version = version
    let count = version - window.cells[machine].forgotten
    if isSame, seen >= 0 {
      // Nearly always: only what has changed since.
      for index in seen..<max(seen, count) {
        let change = window.cells[machine].changes[index]
        if let end = change.end { take(host, Int(change.role), end: end, of: machine, at: now) }
      }
    } else {
      for role in 0..<roles { latest[role] = window.cells[machine].ends[role] }
      for index in 0..<count {
        let change = window.cells[machine].changes[index]
        latest[Int(change.role)] = change.end
      }
      for role in 0..<roles { if let end = latest[role] { take(host, role, end: end, of: machine, at: now) } }
    }
    witness(host) { (witness, hosts) in
      witness.receive(
        (0..<hosts.roles).map { Self.end(of: $0, on: window.cells[machine], at: now) }, from: machine, at: now)
    }
  }

  private mutating func take(_ host: Int, _ role: Int, end: Timestamp, of machine: Int, at now: Timestamp) {
    let place = host * roles + role
    guard end > now, ends[place] != end || origins[place] != machine else { return }
    let held = held(host, role, at: now)
    if let held,
      !RoleTiming.isWorthRotation(to: end, ofSameMachine: origins[place] == machine, from: held)
    {
      return
    }
    if held == nil { noteWait(host, place, at: now) }
    count(host, role, until: now)
    ends[place] = end
    origins[place] = Int8(machine)
  }

  private mutating func noteWait(_ host: Int, _ place: Int, at now: Timestamp) {
    let lapse = ends[place] == Self.none ? hosts[host].started : ends[place] - timing.lapseMargin
    waits.append(now - max(lapse, recoveringSince))
  }

  // MARK: - Long polls

  private mutating func poll(_ host: Int, at now: Timestamp, _ window: Window) {
    guard let wait = hosts[host].schedule.nextPoll(at: now) else { return arm(host) }
    let machine = hosts[host].machine
    hosts[host].activity = .polling
    hosts[host].begun = now
    hosts[host].wait = wait
    guard window.isUp[machine] else { return setNext(host, to: now) }
    countRequest(to: machine, of: window.cell, at: now)
    setNext(host, to: min(window.endOfWaits(on: machine, after: now) ?? Self.never, now + wait))
  }

  private mutating func endPoll(_ host: Int, at now: Timestamp, _ window: Window) {
    let machine = hosts[host].machine
    guard window.isUp[machine], hasSession(machine, at: now, window) else {
      hosts[host].schedule.pollFailed(at: now, using: &chance)
      return arm(host)
    }
    let begun = hosts[host].begun
    let version = version(window.cells[machine], at: now)
    if version != hosts[host].version {
      hosts[host].schedule.pollBroughtBundle(begun: begun, at: now)
      takeBundle(host, of: machine, version, at: now, window)
      succeed(host, at: now, window)
    } else if hosts[host].schedule.pollBroughtNothing(after: hosts[host].wait, begun: begun, at: now, using: &chance) {
      poll(host, at: now, window)
    } else {
      arm(host)
    }
  }

  // MARK: - Counting

  private mutating func count(_ host: Int, _ role: Int, until now: Timestamp) {
    let place = host * roles + role
    let end = ends[place]
    reads.count(from: since[place], to: now, end: end == Self.none ? nil : end, timing: timing)
    since[place] = now
  }

  /// Ends a phase: returns what was counted in it.
  mutating func endPhase(at now: Timestamp) -> (reads: HostReads, waits: Quantiles) {
    var waiting = 0
    for host in hosts.indices where hosts[host].activity != .off {
      for role in 0..<roles {
        count(host, role, until: now)
        if held(host, role, at: now) == nil { waiting += 1 }
      }
    }
    defer { (reads, waits) = (HostReads(), []) }
    return (reads, Quantiles(waits, unended: waiting, watched: now - recoveringSince))
  }

  /// In a fixed order, that of a set being another one in each process.
  mutating func takeDemands() -> [Demand] {
    defer { demands = [] }
    return demands.sorted { ($0.machine, $0.cell) < ($1.machine, $1.cell) }
  }

  /// Requests per second at all machines.
  func requests(from start: Timestamp, to end: Timestamp) -> (mean: Double, peak: Double) {
    let range = Int(start.microseconds / 1_000_000)..<Int(end.microseconds / 1_000_000)
    var (sum, peak) = (0, 0)
    for second in range {
      let count = (0..<fleet.machines).reduce(0) { $0 + Int(perSecond[$1 * seconds + second]) }
      sum += count
      peak = max(peak, count)
    }
    return (Double(sum) / Double(max(1, range.count)), Double(peak))
  }
}

import Core

/// What the machines of a tier hand out, and when that changes: the bridge between the two stages.
///
/// A *cell* is the hosts of one shard that have the same roles: they get the same bundle from a machine.
struct TierTimeline {
  /// Another session of one role of a cell.
  struct Change {
    let at: Timestamp
    let role: UInt8
    /// When the session ends, by STS's clock and by the machine's judgement; nil if there is none any more, or still.
    let end: Timestamp?
    /// Whether it ends the waits of the cell's hosts: there was none before, and none is being fetched for the first time.
    let endsWaits: Bool
  }

  /// One cell on one machine.
  struct Cell {
    /// When the roles' sessions end, at the beginning of `changes`.
    var ends: [Timestamp?]
    /// Those since the latest `forget`, in their order.
    var changes: [Change] = []
    /// How many there have been before.
    var forgotten = 0
    /// Whether its sessions are in use, and whether each role has had an outcome since.
    var isInUse = false
    var isPending: [Bool]

    init(roles: Int) {
      ends = Array(repeating: nil, count: roles)
      isPending = Array(repeating: false, count: roles)
    }

    /// Whether all roles have had sessions all the time since the latest `forget`.
    var isSteady: Bool { !ends.contains(nil) && !changes.contains { $0.end == nil } }
    var endsWaits: Bool { changes.contains { $0.endsWaits } }
  }

  let rolesPerCell: Int
  private let firstDerived: Int
  /// By machine and cell.
  var cells: [[Cell]]
  /// The sessions that readers get now, to know whether there was one.
  private var haveSessions: [[Bool]]

  init(machines: Int, cells: Int, rolesPerCell: Int, firstDerived: Int) {
    self.rolesPerCell = rolesPerCell
    self.firstDerived = firstDerived
    self.cells = Array(
      repeating: Array(repeating: Cell(roles: rolesPerCell), count: cells), count: machines)
    haveSessions = Array(repeating: Array(repeating: false, count: cells * rolesPerCell), count: machines)
  }

  func slot(of role: Int, in cell: Int) -> Int { firstDerived + cell * rolesPerCell + role }

  // MARK: - The first stage

  mutating func served(_ session: Session?, _ slot: Int, of machine: Int, at now: Timestamp) {
    guard slot >= firstDerived else { return }
    let (cell, role) = (slot - firstDerived).quotientAndRemainder(dividingBy: rolesPerCell)
    let hadSession = haveSessions[machine][slot - firstDerived]
    haveSessions[machine][slot - firstDerived] = session != nil
    if session == nil, !hadSession { return }
    if session != nil { cells[machine][cell].isPending[role] = false }
    let end = session.map { min($0.expires, ModelledSTS.instant(of: $0.expiration)) }
    note(
      Change(
        at: now, role: UInt8(role), end: end,
        endsWaits: session != nil && !hadSession && !cells[machine][cell].isPending.contains(true)), machine, cell)
  }

  /// The first attempt for a session may be what hosts wait for.
  mutating func failed(_ slot: Int, of machine: Int, at now: Timestamp) {
    guard slot >= firstDerived else { return }
    let (cell, role) = (slot - firstDerived).quotientAndRemainder(dividingBy: rolesPerCell)
    guard cells[machine][cell].isPending[role] else { return }
    cells[machine][cell].isPending[role] = false
    guard !cells[machine][cell].isPending.contains(true) else { return }
    note(Change(at: now, role: UInt8(role), end: nil, endsWaits: true), machine, cell)
  }

  private mutating func note(_ change: Change, _ machine: Int, _ cell: Int) {
    cells[machine][cell].changes.append(change)
  }

  /// What has been noted becomes the state before what comes.
  mutating func forget() {
    for machine in cells.indices {
      for cell in cells[machine].indices where !cells[machine][cell].changes.isEmpty {
        for change in cells[machine][cell].changes { cells[machine][cell].ends[Int(change.role)] = change.end }
        cells[machine][cell].forgotten += cells[machine][cell].changes.count
        cells[machine][cell].changes.removeAll(keepingCapacity: true)
      }
    }
  }

  /// The cell's sessions are used from now on.
  mutating func begin(_ cell: Int, of machine: Int) {
    cells[machine][cell].isInUse = true
    for role in 0..<rolesPerCell {
      cells[machine][cell].isPending[role] = !haveSessions[machine][cell * rolesPerCell + role]
    }
  }

  /// The machine has started again, and has none of them.
  mutating func restart(_ machine: Int) {
    for cell in cells[machine].indices { end(cell, of: machine) }
  }

  mutating func end(_ cell: Int, of machine: Int) {
    cells[machine][cell].isInUse = false
    for role in 0..<rolesPerCell { cells[machine][cell].isPending[role] = false }
  }
}

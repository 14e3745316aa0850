import Core

/// The roles by name, by slot, and in the order of their names.
///
/// A role keeps its slot, a small number, as long as it exists; another role may get the slot afterwards.
struct RoleTable {
  private(set) var byName: [RoleName: ManagedRole] = [:]
  private var slots: [ManagedRole?] = []
  private var freeSlots: [Int] = []
  /// The slots in the order of the roles' names. To sort thousands of names takes many milliseconds, so the order is kept.
  private var order: [UInt32] = []
  /// How often all notes were forgotten.
  private var noteChanges: UInt32 = 0

  var inOrder: [ManagedRole] { order.compactMap { slots[Int($0)] } }

  /// Roles, and the sessions that are derived from them.
  var all: [ManagedRole] { slots.compactMap(\.self) }

  subscript(slot: Int) -> ManagedRole? { slots[slot] }

  /// Adds the role that `make` creates for a slot.
  mutating func insert(_ make: (_ slot: Int) -> ManagedRole) -> ManagedRole {
    let role = make(freeSlots.popLast() ?? slots.count)
    byName[role.name] = role
    order.insert(UInt32(role.slot), at: placeInOrder(role.name))
    if role.slot == slots.count { slots.append(role) } else { slots[role.slot] = role }
    return role
  }

  /// Adds a session that is derived from a role; it has a slot, but no name of its own.
  mutating func insertDerived(_ make: (_ slot: Int) -> ManagedRole) -> ManagedRole {
    let session = make(freeSlots.popLast() ?? slots.count)
    if session.slot == slots.count { slots.append(session) } else { slots[session.slot] = session }
    return session
  }

  mutating func removeDerived(_ session: ManagedRole) {
    slots[session.slot] = nil
    freeSlots.append(session.slot)
  }

  mutating func remove(_ name: RoleName) -> ManagedRole? {
    guard let role = byName.removeValue(forKey: name) else { return nil }
    order.remove(at: placeInOrder(name))
    slots[role.slot] = nil
    freeSlots.append(role.slot)
    forgetNotes()
    return role
  }

  /// The index in `order` of the first role that isn't before `name`.
  private func placeInOrder(_ name: RoleName) -> Int {
    func isBefore(_ place: Int) -> Bool { slots[Int(order[place])].map { $0.name < name } ?? false }
    // Roles are usually added in order.
    guard let last = order.indices.last, !isBefore(last) else { return order.count }
    var range = order.indices
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      range = isBefore(middle) ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return range.lowerBound
  }

  /// A number by which `role(noted:)` finds the role until notes are forgotten or any role is removed.
  func note(of role: ManagedRole) -> Int { Int(noteChanges) << 32 | role.slot }

  mutating func forgetNotes() { noteChanges &+= 1 }

  func role(noted note: Int) -> ManagedRole? {
    note >> 32 == Int(noteChanges) ? slots[note & 0xFFFF_FFFF] : nil
  }
}

/// The deadlines of connections, by slot.
///
/// All deadlines of a kind have the same length, so a list that is only appended to is sorted. A slot is in one list at most; every
/// operation takes constant time.
struct DeadlineLists {
  enum Kind: Int {
    case head, idle, drain, linger
  }

  private struct Node {
    var next: Int32 = -1
    var previous: Int32 = -1
    var kind: Int8 = -1
    var deadline: Int64 = 0
  }

  private struct List {
    var first: Int32 = -1
    var last: Int32 = -1
  }

  private var nodes: ContiguousArray<Node> = []
  private var lists = InlineArray<4, List>(repeating: List())

  /// Adds a slot.
  mutating func addSlot() { nodes.append(Node()) }

  func kind(of slot: Int) -> Kind? { Kind(rawValue: Int(nodes[slot].kind)) }

  /// Whether `slot` is in the list of `kind`, with a deadline at `moment` or later.
  func holds(_ slot: Int, _ kind: Kind, notBefore moment: Int64) -> Bool {
    nodes[slot].kind == Int8(kind.rawValue) && nodes[slot].deadline >= moment
  }

  /// Takes `slot` out of its list, if any, and puts it at the end of another. `deadline` isn't before the last of `kind`.
  mutating func set(_ slot: Int, _ kind: Kind, at deadline: Int64) {
    clear(slot)
    let last = lists[kind.rawValue].last
    nodes[slot] = Node(next: -1, previous: last, kind: Int8(kind.rawValue), deadline: deadline)
    if last >= 0 { nodes[Int(last)].next = Int32(slot) } else { lists[kind.rawValue].first = Int32(slot) }
    lists[kind.rawValue].last = Int32(slot)
  }

  mutating func clear(_ slot: Int) {
    let node = nodes[slot]
    guard node.kind >= 0 else { return }
    let list = Int(node.kind)
    if node.previous >= 0 { nodes[Int(node.previous)].next = node.next } else { lists[list].first = node.next }
    if node.next >= 0 { nodes[Int(node.next)].previous = node.previous } else { lists[list].last = node.previous }
    nodes[slot].kind = -1
  }

  var earliest: Int64? {
    var found: Int64?
    for kind in 0..<4 where lists[kind].first >= 0 {
      let deadline = nodes[Int(lists[kind].first)].deadline
      found = min(found ?? deadline, deadline)
    }
    return found
  }

  /// Removes and returns one slot whose deadline has passed.
  mutating func takeExpired(at now: Int64) -> (slot: Int, kind: Kind)? {
    for kind in 0..<4 where lists[kind].first >= 0 {
      let slot = Int(lists[kind].first)
      guard nodes[slot].deadline <= now else { continue }
      clear(slot)
      return (slot, Kind(rawValue: kind)!)
    }
    return nil
  }
}

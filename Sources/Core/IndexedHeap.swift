/// A binary heap of small integers ordered by a key each, whose entries can be found, changed and removed by their integer.
package struct IndexedHeap<Key: Comparable> {
  private var entries: [(index: Int, key: Key)] = []
  private var positions: [Int: Int] = [:]

  package init() {}

  package var count: Int { entries.count }
  package var first: (index: Int, key: Key)? { entries.first }

  package subscript(index: Int) -> Key? { positions[index].map { entries[$0].key } }

  /// Adds `index`, or gives it another key.
  package mutating func set(_ index: Int, to key: Key) {
    if let position = positions[index] {
      entries[position].key = key
      settle(position)
    } else {
      entries.append((index, key))
      positions[index] = entries.count - 1
      rise(entries.count - 1)
    }
  }

  package mutating func remove(_ index: Int) {
    guard let position = positions.removeValue(forKey: index) else { return }
    let last = entries.removeLast()
    guard position < entries.count else { return }
    entries[position] = last
    positions[last.index] = position
    settle(position)
  }

  private mutating func settle(_ position: Int) {
    rise(position)
    sink(position)
  }

  private mutating func rise(_ start: Int) {
    var position = start
    while position > 0, entries[position].key < entries[(position - 1) / 2].key {
      swap(position, (position - 1) / 2)
      position = (position - 1) / 2
    }
  }

  private mutating func sink(_ start: Int) {
    var position = start
    while true {
      var least = position
      for child in [2 * position + 1, 2 * position + 2]
      where child < entries.count && entries[child].key < entries[least].key {
        least = child
      }
      guard least != position else { return }
      swap(position, least)
      position = least
    }
  }

  private mutating func swap(_ one: Int, _ other: Int) {
    entries.swapAt(one, other)
    positions[entries[one].index] = one
    positions[entries[other].index] = other
  }
}

extension IndexedHeap: Sendable where Key: Sendable {}

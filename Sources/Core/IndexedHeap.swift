/// A binary heap of small integers ordered by a key each, whose entries can be found, changed and removed by their integer.
///
/// Takes memory for the largest integer it was ever given, so these are numbers of places that are used again.
package struct IndexedHeap<Key: Comparable> {
  package typealias Entry = (index: Int, key: Key)

  private var entries: [Entry] = []
  /// Where each integer's entry is; -1 for those that have none.
  private var positions: [Int32] = []

  package init() {}

  package var count: Int { entries.count }
  package var first: Entry? { entries.isEmpty ? nil : entries[0] }

  /// How many keys there are of a kind; looks at all of them.
  package func count(where isCounted: (Key) -> Bool) -> Int { entries.count { isCounted($0.key) } }

  package func contains(_ index: Int) -> Bool { position(of: index) != nil }

  package subscript(index: Int) -> Key? { position(of: index).map { entries[$0].key } }

  /// Adds `index`, or gives it another key.
  package mutating func set(_ index: Int, to key: Key) {
    if let position = position(of: index) {
      settle((index, key), at: position)
    } else {
      while positions.count <= index { positions.append(-1) }
      entries.append((index, key))
      rise((index, key), from: entries.count - 1)
    }
  }

  package mutating func remove(_ index: Int) {
    guard let position = position(of: index) else { return }
    positions[index] = -1
    let last = entries.removeLast()
    if position < entries.count { settle(last, at: position) }
  }

  private func position(of index: Int) -> Int? {
    guard index < positions.count, positions[index] >= 0 else { return nil }
    return Int(positions[index])
  }

  /// Finds the place for an entry, beginning at a hole.
  private mutating func settle(_ entry: Entry, at hole: Int) {
    if hole > 0 && entry.key < entries[(hole - 1) / 2].key {
      rise(entry, from: hole)
    } else {
      sink(entry, from: hole)
    }
  }

  private mutating func rise(_ entry: Entry, from start: Int) {
    var hole = start
    while hole > 0 {
      let parent = (hole - 1) / 2
      guard entry.key < entries[parent].key else { break }
      place(entries[parent], at: hole)
      hole = parent
    }
    place(entry, at: hole)
  }

  private mutating func sink(_ entry: Entry, from start: Int) {
    var hole = start
    while true {
      var child = 2 * hole + 1
      guard child < entries.count else { break }
      if child + 1 < entries.count && entries[child + 1].key < entries[child].key { child += 1 }
      guard entries[child].key < entry.key else { break }
      place(entries[child], at: hole)
      hole = child
    }
    place(entry, at: hole)
  }

  private mutating func place(_ entry: Entry, at position: Int) {
    entries[position] = entry
    positions[entry.index] = Int32(position)
  }
}

extension IndexedHeap: Sendable where Key: Sendable {}

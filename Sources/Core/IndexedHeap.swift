/// A binary heap of small integers with a key each, whose entries can be found, changed and removed by their integer.
///
/// Its memory grows with the largest integer ever added, so these should be slot numbers that are reused.
///
/// Integers and keys are in separate arrays: pairs of a generic type cost several times as much in a debug build.
package struct IndexedHeap<Key: Comparable> {
  private var indices: [Int32] = []
  private var keys: [Key] = []
  /// The position of each integer's entry; -1 if it has none.
  private var positions: [Int32] = []

  package init() {}

  package var count: Int { indices.count }
  /// The integer with the least key, and its key; nil when there is none.
  package var firstIndex: Int? { indices.count == 0 ? nil : Int(indices[0]) }
  package var firstKey: Key? { indices.count == 0 ? nil : keys[0] }

  /// Counts the keys that match; looks at all of them.
  package func count(where isCounted: (Key) -> Bool) -> Int { keys.count(where: isCounted) }

  package func contains(_ index: Int) -> Bool { index < positions.count && positions[index] >= 0 }

  package subscript(index: Int) -> Key? { contains(index) ? keys[Int(positions[index])] : nil }

  /// Adds `index`, or gives it another key.
  package mutating func set(_ index: Int, to key: Key) {
    if contains(index) {
      settle(Int32(index), key, at: Int(positions[index]))
    } else {
      while positions.count <= index { positions.append(-1) }
      indices.append(Int32(index))
      keys.append(key)
      rise(Int32(index), key, from: indices.count - 1)
    }
  }

  package mutating func remove(_ index: Int) {
    guard contains(index) else { return }
    let position = Int(positions[index])
    positions[index] = -1
    let lastIndex = indices.removeLast()
    let lastKey = keys.removeLast()
    if position < indices.count { settle(lastIndex, lastKey, at: position) }
  }

  /// Moves an entry up or down from the free position `hole` to its place.
  private mutating func settle(_ index: Int32, _ key: Key, at hole: Int) {
    if hole > 0 && key < keys[(hole - 1) / 2] {
      rise(index, key, from: hole)
    } else {
      sink(index, key, from: hole)
    }
  }

  private mutating func rise(_ index: Int32, _ key: Key, from start: Int) {
    var hole = start
    while hole > 0 {
      let parent = (hole - 1) / 2
      guard key < keys[parent] else { break }
      place(indices[parent], keys[parent], at: hole)
      hole = parent
    }
    place(index, key, at: hole)
  }

  private mutating func sink(_ index: Int32, _ key: Key, from start: Int) {
    var hole = start
    while true {
      var child = 2 * hole + 1
      guard child < indices.count else { break }
      if child + 1 < indices.count && keys[child + 1] < keys[child] { child += 1 }
      guard keys[child] < key else { break }
      place(indices[child], keys[child], at: hole)
      hole = child
    }
    place(index, key, at: hole)
  }

  private mutating func place(_ index: Int32, _ key: Key, at position: Int) {
    indices[position] = index
    keys[position] = key
    positions[Int(index)] = Int32(position)
  }
}

extension IndexedHeap: Sendable where Key: Sendable {}

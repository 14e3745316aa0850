/// A timer queue: the instants at which roles are due, by slot number, at most one for each slot.
package struct Agenda: Sendable {
  private var heap = IndexedHeap<Timestamp>()

  package init() {}

  package var count: Int { heap.count }

  /// The earliest instant.
  package var first: Timestamp? { heap.firstKey }

  /// The slot that is due first.
  package var firstNumber: Int? { heap.firstIndex }

  package subscript(number: Int) -> Timestamp? { heap[number] }

  package func contains(_ number: Int) -> Bool { heap.contains(number) }

  package mutating func set(_ number: Int, to instant: Timestamp) { heap.set(number, to: instant) }

  package mutating func remove(_ number: Int) { heap.remove(number) }

  /// Removes and returns the slot that is due first; nil if none is due yet.
  package mutating func popDue(at now: Timestamp) -> Int? {
    guard let key = heap.firstKey, key <= now, let number = heap.firstIndex else { return nil }
    heap.remove(number)
    return number
  }
}

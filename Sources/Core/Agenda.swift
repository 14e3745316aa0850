/// When each of some numbered things is due; a number has one instant or none.
package struct Agenda: Sendable {
  private var heap = IndexedHeap<Timestamp>()

  package init() {}

  package var count: Int { heap.count }

  /// The earliest instant.
  package var first: Timestamp? { heap.firstKey }

  /// The thing that is due first.
  package var firstNumber: Int? { heap.firstIndex }

  package subscript(number: Int) -> Timestamp? { heap[number] }

  package func contains(_ number: Int) -> Bool { heap.contains(number) }

  package mutating func set(_ number: Int, to instant: Timestamp) { heap.set(number, to: instant) }

  package mutating func remove(_ number: Int) { heap.remove(number) }

  /// Takes out the first thing whose instant has come.
  package mutating func popDue(at now: Timestamp) -> Int? {
    guard let key = heap.firstKey, key <= now, let number = heap.firstIndex else { return nil }
    heap.remove(number)
    return number
  }
}

import Systemd
import Testing

@Suite struct SystemChanceTests {
  @Test func `numbers differ, beyond those that are fetched at a time, and in each generator`() {
    var (one, other) = (SystemChance(), SystemChance())
    let numbers = (0..<100).map { _ in one.next() } + (0..<100).map { _ in other.next() }
    #expect(Set(numbers).count == numbers.count && !numbers.contains(0))
  }
}

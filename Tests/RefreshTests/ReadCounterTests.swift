import Core
import Refresh
import Testing

/// Which hand-outs are new to the record.
@Suite final class ReadCounterTests {
  private var counter = ReadCounter()
  private var now = Timestamp(microseconds: 5_000_000)

  /// A read by a process that runs `program`, of the unit with that number if there is one; nil if it is certain to be recorded.
  private func read(
    _ uid: UInt32, _ session: UInt64, by program: Int = 1, of unit: Int? = nil, pid: Int32 = 71,
    isReserved: Bool = false, allowed: Bool = true
  ) -> ReadCounter.Record? {
    guard
      counter.enter(uid: uid, pid: pid, session: SessionID(number: session), isReserved: isReserved, at: now)
    else { return nil }
    let reader = ReadCounter.Reader(program: "\(program)", unit: unit.map { UnitName("unit\($0).service")! })
    return counter.record(reader, uid: uid, pid: pid, isReserved: isReserved, at: now) { allowed }
  }

  @Test func `each user's first hand-out of each session is new`() {
    #expect(read(7, 1) == .first && read(7, 1) == nil && read(8, 1) == .first && read(7, 2) == .first)
    #expect(counter.count(of: 7) == 3 && counter.count(of: 8) == 1 && counter.count(of: 9) == 0)
    #expect(counter.lines.map(\.uid) == [7, 8])
  }

  @Test func `a reader of the pool's session and of a reserved one is new once for each`() {
    #expect(read(7, 3, isReserved: true) == .first && read(7, 2) == .first && read(7, 3, isReserved: true) == nil)
    #expect(read(7, 2) == nil && counter.holders(of: SessionID(number: 3)) == [7])
  }

  @Test func `each of a user's readers is new once`() {
    #expect(read(7, 1, by: 1, pid: 71) == .first && read(7, 1, by: 2, pid: 72) == .another)
    #expect(read(7, 1, by: 1, pid: 71) == .known && read(7, 1, by: 2, pid: 73) == .known)
    #expect(read(7, 2, by: 2, pid: 73) == .first && read(7, 2, by: 1, pid: 71) == .another)
  }

  @Test func `a process's number stands for it for a second`() {
    #expect(read(7, 1, by: 1) == .first)
    now = now + .milliseconds(999)
    #expect(read(7, 1, by: 2) == nil)
    now = now + .milliseconds(1)
    #expect(read(7, 1, by: 2) == .another && read(7, 1, by: 3) == nil)
  }

  @Test func `no more than sixteen readers of a user are distinguished, and that there are more is reported once`() {
    let records = (1...40).map { self.read(7, 1, by: $0, pid: Int32($0)) }
    #expect(Array(records.prefix(16)) == [.first] + [ReadCounter.Record?](repeating: .another, count: 15))
    #expect(records[16] == .beyond && records.dropFirst(17).allSatisfy { $0 == .known })
    #expect(read(7, 1, by: 5, pid: 5) == .known && read(8, 1, by: 50, pid: 50) == .first)
    #expect(read(7, 2, by: 1, pid: 1) == .first, "of the next session they are new again")
  }

  /// A user's program that renamed itself kept the user's services out of the record.
  @Test(arguments: [true, false])
  func `the first of each unit is recorded however many programs the user has had`(allowed: Bool) {
    for program in 1...20 { _ = read(7, 1, by: program, pid: Int32(program), allowed: allowed) }
    let records = (1...3).map { self.read(7, 1, by: 1, of: $0, pid: Int32(100 + $0), allowed: allowed) }
    #expect(records == [.another, .another, .another])
    #expect(read(7, 1, by: 1, of: 2, pid: 200, allowed: allowed) == .known)
    #expect(read(7, 1, by: 2, of: 2, pid: 201, allowed: allowed) == .known, "it isn't its unit's first")
    #expect(read(7, 1, by: 30, pid: 202, allowed: allowed) == .known)
  }

  @Test func `units have a limit, too, and that there are more is recorded`() {
    let records = (1...300).map { self.read(7, 1, of: $0, pid: Int32($0)) }
    #expect(records.prefix(256).allSatisfy { $0 == .first || $0 == .another })
    #expect(records[256] == .beyond && records.dropFirst(257).allSatisfy { $0 == .known })
  }

  @Test func `without an allowance the first is recorded, and that there are more`() {
    let records = (1...4).map { self.read(7, 1, by: $0, pid: Int32($0), allowed: false) }
    #expect(records == [.first, .beyond, .known, .known])
  }
}

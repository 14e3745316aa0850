import Foundation
import LocalSockets
import Testing

@Suite struct DescriptorTableTests {
  /// FDSize of proc_pid_status(5): the number of descriptors that the table has room for.
  private static func room() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("FDSize:") })
    return try #require(Int(line.dropFirst(7).filter { $0.isNumber }))
  }

  @Test func `the table grows at once, and no descriptor stays open`() throws {
    let count = try Self.room() * 2
    DescriptorTable.reserve(count)
    #expect(try Self.room() >= count)
    #expect(fcntl(CInt(count - 1), F_GETFD) == -1)
  }

  @Test func `a count above the descriptor limit changes nothing`() throws {
    let before = try Self.room()
    DescriptorTable.reserve(.max)
    #expect(try Self.room() == before)
  }
}

import Synchronization

@testable import Upload

/// A journal's bytes.
final class MemoryFile: JournalFile {
  private let bytes: Mutex<[UInt8]>

  init(_ bytes: [UInt8]) { self.bytes = Mutex(bytes) }

  var content: [UInt8] { bytes.withLock { $0 } }
  var size: Int64 { Int64(content.count) }

  func read(at place: Int64, room: Int) -> Result<[UInt8], SystemError> {
    bytes.withLock { bytes in
      let start = min(Int(place), bytes.count)
      // Small pieces, so that lines lie across them.
      return .success(Array(bytes[start..<min(bytes.count, start + min(room, 100))]))
    }
  }

  func append(_ more: [UInt8]) -> CInt {
    bytes.withLock { $0 += more }
    return 0
  }

  func cut(to size: Int64) -> CInt {
    bytes.withLock { $0.removeLast($0.count - Int(size)) }
    return 0
  }

  func sync() -> CInt { 0 }
}

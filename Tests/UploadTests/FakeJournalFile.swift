import Glibc
import Synchronization

@testable import Upload

/// A journal's file in memory that loses what wasn't synced, wholly or in part, as a power failure does.
final class FakeJournalFile: JournalFile {
  private struct Content {
    var bytes: [UInt8] = []
    var synced: [UInt8] = []
    var syncs = 0
    var appends = 0
    var appendFailure: CInt = 0
    var syncFailure: CInt = 0
    var readFailure: CInt = 0
  }

  private let content: Mutex<Content>

  init(_ bytes: [UInt8] = []) { content = Mutex(Content(bytes: bytes, synced: bytes)) }

  var bytes: [UInt8] { content.withLock { $0.bytes } }
  var synced: [UInt8] { content.withLock { $0.synced } }
  var syncs: Int { content.withLock { $0.syncs } }
  var appends: Int { content.withLock { $0.appends } }
  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// From now on these calls fail so; 0 is success.
  func fail(append: CInt? = nil, sync: CInt? = nil, read: CInt? = nil) {
    content.withLock {
      $0.appendFailure = append ?? $0.appendFailure
      $0.syncFailure = sync ?? $0.syncFailure
      $0.readFailure = read ?? $0.readFailure
    }
  }

  /// A power failure: each page of `pageSize` bytes behind what was synced survives when `survives` says so; zeroes stand for the others, and
  /// nothing for those at the end. Returns the file as the next run finds it.
  func afterPowerFailure(pageSize: Int = 64, survives: (_ page: Int) -> Bool) -> FakeJournalFile {
    content.withLock { content in
      var left = content.synced
      var lost: [UInt8] = []
      var at = left.count
      var page = 0
      while at < content.bytes.count {
        let end = min(content.bytes.count, at + pageSize)
        if survives(page) {
          left += lost + content.bytes[at..<end]
          lost = []
        } else {
          lost += [UInt8](repeating: 0, count: end - at)
        }
        at = end
        page += 1
      }
      return FakeJournalFile(left)
    }
  }

  var size: Int64 { Int64(bytes.count) }

  func read(at place: Int64, room: Int) -> Result<[UInt8], SystemError> {
    content.withLock { content in
      if content.readFailure != 0 { return .failure(SystemError(number: content.readFailure)) }
      let start = min(Int(place), content.bytes.count)
      return .success(Array(content.bytes[start..<min(content.bytes.count, start + room)]))
    }
  }

  func append(_ bytes: [UInt8]) -> CInt {
    content.withLock {
      $0.appends += 1
      if $0.appendFailure == 0 { $0.bytes += bytes }
      return $0.appendFailure
    }
  }

  func cut(to size: Int64) -> CInt {
    content.withLock {
      $0.bytes.removeLast($0.bytes.count - Int(size))
      if $0.synced.count > $0.bytes.count { $0.synced = $0.bytes }
    }
    return 0
  }

  func sync() -> CInt {
    content.withLock {
      $0.syncs += 1
      if $0.syncFailure == 0 { $0.synced = $0.bytes }
      return $0.syncFailure
    }
  }
}

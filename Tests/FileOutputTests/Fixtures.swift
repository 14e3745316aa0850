import Core
import Glibc
import Secrets
import Synchronization
import TestSupport

@testable import FileOutput
@testable import Settings

/// Root may give files to other users, anybody else can't.
let isRoot = geteuid() == 0
let owner: (uid: UInt32, gid: UInt32) = isRoot ? (4711, 4712) : (geteuid(), getegid())

func output(_ place: OutputPlace, mode: UInt32 = 0o400) -> OutputFile {
  OutputFile(place, uid: owner.uid, gid: owner.gid, mode: mode)
}

func content(_ text: String, version: UInt64) throws(FileOutputError) -> SealedContent {
  try SealedContent(secret(text), version: version)
}

/// In seconds since 1970, an hour from now.
let anHourOn = time(nil) + 3600

extension RoleDirectory {
  mutating func write(_ contents: [SealedContent]) throws(FileOutputError) -> Bool {
    try write(contents, until: anHourOn)
  }
}

extension SingleFile {
  mutating func write(_ content: SealedContent) throws(FileOutputError) -> Bool { try write(content, until: anHourOn) }
}

extension RoleOutputs {
  func write(_ contents: [Secret], completion: @escaping Completion) {
    write(contents.map { .success($0) }, until: anHourOn, at: time(nil), completion: completion)
  }
}

extension WriteQueue {
  func write(_ contents: [Secret], completion: @escaping Completion) {
    write(contents, until: anHourOn, at: time(nil), completion: completion)
  }
}

/// The result of `lstat` for a path; nil if there is nothing.
struct Look: Equatable {
  let kind: UInt32
  let mode: UInt32
  let uid: UInt32
  let gid: UInt32
  let inode: UInt

  init?(_ path: String) {
    var raw = stat()
    guard lstat(path, &raw) == 0 else { return nil }
    kind = raw.st_mode & S_IFMT
    mode = raw.st_mode & 0o7777
    uid = raw.st_uid
    gid = raw.st_gid
    inode = UInt(raw.st_ino)
  }
}

func target(_ path: String) -> String? {
  var room = [CChar](repeating: 0, count: 4096)
  let count = readlink(path, &room, room.count)
  return count < 0 ? nil : String(decoding: room[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

func names(_ directory: String) -> Set<String> { Set(FileNames.read(directory)) }

/// Records every step, and makes the step with the number `failing` fail.
final class Recorder: Sendable {
  struct Taken: Equatable, Sendable {
    let step: Step
    let name: String
  }

  private let log = Mutex<[Taken]>([])
  private let failing: Int?
  private let number: CInt

  init(failing: Int? = nil, with number: CInt = ENOSPC) {
    self.failing = failing
    self.number = number
  }

  var calls: Calls {
    Calls { [self] step, path in
      log.withLock { log in
        log.append(Taken(step: step, name: String(path.split(separator: "/").last ?? "/")))
        return failing == log.count - 1 ? number : 0
      }
    }
  }

  var taken: [Taken] { log.withLock { $0 } }

  /// The steps that change something, in order.
  var changes: [Taken] { taken.filter { ![.openDirectory, .examine, .list, .remove].contains($0.step) } }
}

/// A clock in microseconds that a test sets; the worker's thread reads it, too.
final class ManualClock: Sendable {
  private let time: Mutex<Int64>

  init(_ time: Int64) { self.time = Mutex(time) }

  var now: Int64 {
    get { time.withLock { $0 } }
    set { time.withLock { $0 = newValue } }
  }
}

import Glibc
import Secrets
import Synchronization
import TestSupport
import Testing

@testable import FileOutput

@Suite struct RotationTests {
  static let rotations = 2000 as UInt64

  /// Several pages, so that a write in place would be visible half done.
  static let size = 16384

  /// The number repeated, in eight bytes each.
  static func text(_ number: UInt64) -> Secret {
    Secret(unsafeUninitializedCapacity: size) { room in
      room.withMemoryRebound(to: UInt64.self) { $0.update(repeating: number) }
      return size
    }
  }

  /// The observations of a reader in another thread.
  final class Reader: Sendable {
    struct Seen: Sendable {
      var whole = 0
      var mixed = 0
      var torn = 0
    }

    let seen = Mutex(Seen())
    let isOver = Atomic(false)
    let path: String

    init(_ path: String) { self.path = path }

    /// Reads by path, and both files of one snapshot through `current`, until it is stopped.
    func run() {
      while !isOver.load(ordering: .relaxed) {
        count(read(AT_FDCWD, "\(path)/a").map { [$0] })
        let directory = open("\(path)/current", O_RDONLY | O_DIRECTORY)
        guard directory >= 0 else { continue }
        count(read(directory, "a").flatMap { a in read(directory, "b").map { [a, $0] } })
        close(directory)
      }
    }

    /// Nil is a snapshot that was removed while it was being read, two swaps later: the reader opens `current` again.
    private func count(_ numbers: [UInt64]?) {
      guard let numbers else { return }
      seen.withLock { seen in
        if numbers.contains(0) {
          seen.torn += 1
        } else if Set(numbers).count != 1 {
          seen.mixed += 1
        } else {
          seen.whole += 1
        }
      }
    }

    /// The number that fills the file; 0 if the file is torn, nil if it doesn't exist.
    private func read(_ directory: CInt, _ name: String) -> UInt64? {
      let file = openat(directory, name, O_RDONLY)
      guard file >= 0 else { return nil }
      defer { close(file) }
      return withUnsafeTemporaryAllocation(byteCount: 2 * size, alignment: 8) { room in
        let count = Glibc.read(file, room.baseAddress, room.count)
        let isWhole = count == size && memcmp(room.baseAddress!, room.baseAddress! + 8, size - 8) == 0
        return isWhole ? room.load(as: UInt64.self) : 0
      }
    }
  }

  @Test func `a reader never sees a torn file or two generations at once`() throws {
    // In memory, where a sync costs nothing.
    let directory = "/dev/shm/rolekeeper-test.\(getpid())"
    try #require(mkdir(directory, 0o755) == 0)
    var role = RoleDirectoryTests.make("\(directory)/roles", ["a", "b"])
    defer {
      try? role.removeAll()
      rmdir("\(directory)/roles")
      rmdir(directory)
    }
    let reader = Reader(role.path)
    var thread = pthread_t()
    let started = pthread_create(
      &thread, nil,
      { reader in
        Unmanaged<Reader>.fromOpaque(reader!).takeUnretainedValue().run()
        return nil
      }, Unmanaged.passUnretained(reader).toOpaque())
    try #require(started == 0)
    var failure: (any Error)?
    for number in 1...Self.rotations where failure == nil {
      let text = Self.text(number)
      do {
        _ = try role.write([SealedContent(text, version: number), SealedContent(text, version: number)])
      } catch { failure = error }
    }
    reader.isOver.store(true, ordering: .relaxed)
    pthread_join(thread, nil)
    if let failure { throw failure }
    let seen = reader.seen.withLock { $0 }
    #expect(target("\(role.path)/current") == "gen-\(Self.rotations)")
    #expect(seen.torn == 0 && seen.mixed == 0)
    #expect(seen.whole > 100)
  }
}

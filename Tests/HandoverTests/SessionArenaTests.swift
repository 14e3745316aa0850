import CLinux
import Core
import Glibc
import Secrets
import Testing

@testable import Handover

@Suite struct SessionArenaTests {
  private func arena(_ records: [HandoverRecord] = Samples.records, boot: BootID = Samples.boot) throws -> SessionArena
  {
    let arena = try SessionArena(boot: boot, capacity: 1 << 20)
    for record in records { try arena.append(record) }
    return arena
  }

  /// What the next process finds if it inherits these stores.
  private func inherit(_ arenas: [(name: String, descriptor: CInt)]) -> InheritedStore {
    InheritedStore(
      arenas.map { ($0.name, dup($0.descriptor)) }, boot: Samples.boot)
  }

  @Test func `the next process reads what was appended`() throws {
    let arena = try arena()
    let found = inherit([("sessions-7", arena.descriptor)])
    #expect(found.state?.text == Samples.state(of: Samples.records).text)
    #expect(found.names == ["sessions-7"] && found.next == 8 && found.defects.isEmpty)
    #expect(found.length == arena.length)
  }

  @Test func `records appended together become visible together`() throws {
    let arena = try arena([])
    var batch = SecretBuffer()
    for record in Samples.records { RecordCoding.append(record, to: &batch) }
    let before = inherit([("sessions-1", arena.descriptor)])
    #expect(before.state?.roles.isEmpty == true)
    try batch.withBytes { (bytes) throws(SessionArena.Failure) in try arena.append(bytes) }
    #expect(inherit([("sessions-1", arena.descriptor)]).state?.text == Samples.state(of: Samples.records).text)
  }

  // MARK: - Seals

  @Test func `nobody else can write to a store, or change its size`() throws {
    let arena = try arena()
    var byte: UInt8 = 0
    #expect(pwrite(arena.descriptor, &byte, 1, 0) == -1 && errno == EPERM)
    #expect(ftruncate(arena.descriptor, 0) == -1 && errno == EPERM)
    #expect(ftruncate(arena.descriptor, off_t(arena.capacity * 2)) == -1 && errno == EPERM)
    let mapped = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, arena.descriptor, 0)
    #expect(mapped == MAP_FAILED && errno == EPERM)
    #expect(fcntl(arena.descriptor, F_GETFD) & FD_CLOEXEC != 0)
    try arena.append(.generationFloor(99))
    #expect(inherit([("sessions-1", arena.descriptor)]).state?.generationFloor == 99, "this process still appends")
  }

  @Test func `a file that could be cut off while it is read isn't read`() throws {
    let descriptor = clinux_memfd("other")
    defer { close(descriptor) }
    ftruncate(descriptor, 4096)
    let found = inherit([("sessions-1", descriptor)])
    #expect(found.state == nil && found.defects.map(\.reason) == [String(cString: strerror(EPERM))])
  }

  // MARK: - Room

  @Test func `memory is reserved as the store fills`() throws {
    let arena = try SessionArena(boot: Samples.boot, capacity: 64 << 20)
    var status = stat()
    fstat(arena.descriptor, &status)
    #expect(Int(status.st_blocks) * 512 <= SessionArena.step)
    try arena.append([UInt8](repeating: 1, count: 3 * SessionArena.step).span)
    fstat(arena.descriptor, &status)
    #expect(Int(status.st_blocks) * 512 == 4 * SessionArena.step && arena.reserved == 4 * SessionArena.step)
  }

  @Test func `an append without room changes nothing`() throws {
    let arena = try SessionArena(boot: Samples.boot, capacity: SessionArena.step)
    try arena.append(.generationFloor(1))
    let length = arena.length
    #expect(throws: SessionArena.Failure.self) {
      try arena.append([UInt8](repeating: 1, count: SessionArena.step).span)
    }
    #expect(arena.length == length)
    #expect(inherit([("sessions-1", arena.descriptor)]).state?.generationFloor == 1)
  }

  // MARK: - Which store is used

  @Test func `the complete store with the highest number is used, in whatever order, and the others are to be removed`()
    throws
  {
    let old = try arena([.generationFloor(9)])
    let new = try arena([.generationFloor(10)])
    let stores = [("sessions-10", new.descriptor), ("sessions-9", old.descriptor), ("other", old.descriptor)]
    for stores in [stores, stores.reversed()] {
      let found = inherit(stores)
      #expect(found.state?.generationFloor == 10 && found.next == 11)
      #expect(found.names == ["sessions-10", "sessions-9"])
    }
  }

  @Test func `a store of another boot isn't used, and the reason is known`() throws {
    let other = try arena([.generationFloor(10)], boot: BootID("00000000000000000000000000000002")!)
    let old = try arena([.generationFloor(9)])
    let found = inherit([("sessions-9", old.descriptor), ("sessions-10", other.descriptor)])
    #expect(found.state?.generationFloor == 9 && found.next == 11)
    #expect(found.defects.map(\.name) == ["sessions-10"])
    #expect(found.defects.map(\.reason) == ["it was made before the host was last booted"])
  }

  @Test func `a store with a changed byte isn't used, but an older complete one is`() throws {
    let old = try arena([.generationFloor(9)])
    let new = try arena([.generationFloor(10)])
    let damaged = try Copy(of: new) { $0[StoreHeader.size + 4] ^= 1 }
    let found = inherit([("sessions-2", damaged.descriptor), ("sessions-1", old.descriptor)])
    #expect(found.state?.generationFloor == 9 && found.names == ["sessions-1", "sessions-2"])
    #expect(found.defects.map(\.reason) == ["it is damaged at byte \(StoreHeader.size)"])
    let alone = inherit([("sessions-2", damaged.descriptor)])
    #expect(alone.state == nil && alone.length == 0 && alone.next == 3)
  }

  /// A sealed store with the same bytes, except for those that `change` modifies.
  private final class Copy {
    let descriptor: CInt
    private let base: UnsafeMutableRawPointer
    private let size: Int

    init(of arena: SessionArena, change: (inout [UInt8]) -> Void) throws {
      size = arena.capacity
      var bytes = [UInt8](repeating: 0, count: arena.length)
      try #require(pread(arena.descriptor, &bytes, bytes.count, 0) == bytes.count)
      change(&bytes)
      var base: UnsafeMutableRawPointer?
      descriptor = clinux_store_create("copy", size, &base)
      self.base = try #require(base)
      self.base.copyMemory(from: bytes, byteCount: bytes.count)
    }

    deinit {
      munmap(base, size)
      close(descriptor)
    }
  }

  @Test(arguments: [
    "sessions-", "sessions-01", "sessions--1", "sessions-x", "session-1", "stored", "sessions-99999999999999999999",
  ])
  func `any other name isn't a store's`(name: String) throws {
    #expect(InheritedStore.number(of: name) == nil)
    #expect(InheritedStore.number(of: InheritedStore.name(of: 12)) == 12)
  }
}

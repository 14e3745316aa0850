internal import CLinux
import Glibc
import Synchronization

/// The memory that secrets are in: whole pages that are never swapped out or dumped, as far as RLIMIT_MEMLOCK allows.
///
/// Blocks of one size share a chunk of pages; a large one has pages of its own. Pages are locked as they are first touched
/// (MLOCK_ONFAULT, mlock2(2)), so unused room costs nothing but its share of the limit. When the limit is reached, further chunks
/// aren't locked; `figures` shows how much that is. Any thread may allocate, and free what another one allocated.
package enum SecretMemory {
  /// Memory set aside for secrets, in bytes, used or not.
  package struct Figures: Hashable, Sendable {
    package internal(set) var locked = 0
    /// Not locked, so it may be swapped out.
    package internal(set) var unlocked = 0
  }

  /// Counts memory with secrets that was allocated elsewhere, in bytes; negative numbers when it is freed.
  package static func count(locked: Int, unlocked: Int) {
    pages.withLock { $0.count(locked: locked, unlocked: unlocked) }
  }

  package static var figures: Figures { pages.withLock { $0.figures } }

  /// At least `count` zero bytes.
  package static func allocate(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    let address = pages.withLock { UInt(bitPattern: $0.allocate(count)) }
    return UnsafeMutablePointer(bitPattern: address)!
  }

  /// Overwrites and frees memory that `allocate` returned for `count`.
  package static func deallocate(_ base: UnsafeMutablePointer<UInt8>, _ count: Int) {
    clinux_wipe(base, count)
    let address = UInt(bitPattern: base)
    pages.withLock { $0.free(UnsafeMutableRawPointer(bitPattern: address)!, count) }
  }

  static func wipe(_ base: UnsafeMutablePointer<UInt8>, _ count: Int) { clinux_wipe(base, count) }

  /// Whether memory allocated for one count may be freed with the other.
  static func isSameBlock(_ count: Int, _ other: Int) -> Bool { SecretPages.isSameBlock(count, other) }

  private static let pages = Mutex(SecretPages())
}

/// The chunks and their blocks. A chunk begins at a multiple of its size, so its address follows from a block's.
struct SecretPages {
  private static let chunkSize = 65_536
  /// Larger blocks would leave much of a chunk's end unused.
  static let largestShared = 4096
  /// Sizes of blocks are multiples of this: with tokens of 1 KiB, steps of 128 took 1.3 MB more for 10,000 roles, and smaller ones
  /// would keep a chunk of each of their many sizes.
  private static let step = 64

  /// The start of each chunk.
  private struct Chunk {
    let blockSize: Int
    let isLocked: Bool
    var used = 0
    /// Where the blocks begin that were never used.
    var fresh: Int
    /// Freed blocks, each of which begins with the address of the next; the rest of them is zero.
    var returned: UnsafeMutableRawPointer?
    var next: UnsafeMutablePointer<Chunk>?
    var previous: UnsafeMutablePointer<Chunk>?

    var isFull: Bool { returned == nil && fresh + blockSize > SecretPages.chunkSize }
  }

  private(set) var figures = SecretMemory.Figures()
  /// The first chunk with room, for each size of block in steps; nil if there is none.
  private var open = [UnsafeMutablePointer<Chunk>?](
    repeating: nil, count: SecretPages.largestShared / SecretPages.step + 1)

  mutating func count(locked: Int, unlocked: Int) {
    figures.locked += locked
    figures.unlocked += unlocked
  }

  mutating func allocate(_ count: Int) -> UnsafeMutableRawPointer {
    guard count <= Self.largestShared else { return makeLarge(count) }
    let size = Self.blockSize(count)
    let chunk = open[size / Self.step] ?? makeChunk(size)
    chunk.pointee.used += 1
    let block: UnsafeMutableRawPointer
    if let returned = chunk.pointee.returned {
      block = returned
      chunk.pointee.returned = block.load(as: UnsafeMutableRawPointer?.self)
      block.storeBytes(of: nil, as: UnsafeMutableRawPointer?.self)
    } else {
      block = UnsafeMutableRawPointer(chunk) + chunk.pointee.fresh
      chunk.pointee.fresh += size
    }
    if chunk.pointee.isFull { close(chunk) }
    return block
  }

  /// `block` is wiped already.
  mutating func free(_ block: UnsafeMutableRawPointer, _ count: Int) {
    guard count <= Self.largestShared else { return freeLarge(block, count) }
    let start = UInt(bitPattern: block) & ~UInt(Self.chunkSize - 1)
    let chunk = UnsafeMutablePointer<Chunk>(bitPattern: start)!
    let wasFull = chunk.pointee.isFull
    block.storeBytes(of: chunk.pointee.returned, as: UnsafeMutableRawPointer?.self)
    chunk.pointee.returned = block
    chunk.pointee.used -= 1
    if wasFull { reopen(chunk) }
    // One free chunk is kept for the next block of this size.
    if chunk.pointee.used == 0, chunk.pointee.next != nil || chunk.pointee.previous != nil {
      close(chunk)
      unmap(chunk, Self.chunkSize, isLocked: chunk.pointee.isLocked)
    }
  }

  /// For blocks that share chunks.
  static func isSameBlock(_ count: Int, _ other: Int) -> Bool {
    max(count, other) <= largestShared && blockSize(count) == blockSize(other)
  }

  private static func blockSize(_ count: Int) -> Int { max(step, (count + step - 1) / step * step) }

  // MARK: - Chunks with room

  private mutating func makeChunk(_ blockSize: Int) -> UnsafeMutablePointer<Chunk> {
    let (base, isLocked) = freshChunk()
    let chunk = base.bindMemory(to: Chunk.self, capacity: 1)
    chunk.initialize(to: Chunk(blockSize: blockSize, isLocked: isLocked, fresh: 128))
    reopen(chunk)
    return chunk
  }

  /// Chunks are mapped several at a time: a program that renders one credential uses five, and their system calls took a tenth of its
  /// time. Untouched they take no memory.
  static let chunksAtOnce = 8
  /// Locked chunks that weren't used yet, one after the other.
  private var reserve: (next: UnsafeMutableRawPointer, count: Int)?

  private mutating func freshChunk() -> (base: UnsafeMutableRawPointer, isLocked: Bool) {
    if reserve == nil {
      let size = Self.chunksAtOnce * Self.chunkSize
      let (base, isLocked) = map(size)
      // The limit may have room for a single one.
      guard isLocked else {
        unmap(base, size, isLocked: false)
        return map(Self.chunkSize)
      }
      reserve = (base, Self.chunksAtOnce)
    }
    let (next, count) = reserve!
    reserve = count > 1 ? (next + Self.chunkSize, count - 1) : nil
    return (next, true)
  }

  private mutating func reopen(_ chunk: UnsafeMutablePointer<Chunk>) {
    let place = chunk.pointee.blockSize / Self.step
    let first = open[place]
    first?.pointee.previous = chunk
    (chunk.pointee.previous, chunk.pointee.next) = (nil, first)
    open[place] = chunk
  }

  private mutating func close(_ chunk: UnsafeMutablePointer<Chunk>) {
    if let previous = chunk.pointee.previous {
      previous.pointee.next = chunk.pointee.next
    } else {
      open[chunk.pointee.blockSize / Self.step] = chunk.pointee.next
    }
    chunk.pointee.next?.pointee.previous = chunk.pointee.previous
    (chunk.pointee.previous, chunk.pointee.next) = (nil, nil)
  }

  // MARK: - Large blocks

  private static let pageSize = Int(getpagesize())
  /// The addresses of the locked ones.
  private var lockedLarge: Set<UInt> = []

  private mutating func makeLarge(_ count: Int) -> UnsafeMutableRawPointer {
    let (base, isLocked) = map(Self.wholePages(count))
    if isLocked { lockedLarge.insert(UInt(bitPattern: base)) }
    return base
  }

  private mutating func freeLarge(_ block: UnsafeMutableRawPointer, _ count: Int) {
    let wasLocked = lockedLarge.remove(UInt(bitPattern: block)) != nil
    unmap(block, Self.wholePages(count), isLocked: wasLocked)
  }

  private static func wholePages(_ count: Int) -> Int { (count + pageSize - 1) / pageSize * pageSize }

  // MARK: - Pages

  /// Zero pages at a multiple of a chunk's size, and whether they are locked.
  private mutating func map(_ size: Int) -> (base: UnsafeMutableRawPointer, isLocked: Bool) {
    var isLocked: CInt = 0
    guard let base = clinux_map_secret(size, Self.chunkSize, &isLocked) else { fatalError("out of memory for secrets") }
    if isLocked != 0 { figures.locked += size } else { figures.unlocked += size }
    return (base, isLocked != 0)
  }

  private mutating func unmap(_ base: UnsafeMutableRawPointer, _ size: Int, isLocked: Bool) {
    if isLocked { figures.locked -= size } else { figures.unlocked -= size }
    munmap(base, size)
  }
}

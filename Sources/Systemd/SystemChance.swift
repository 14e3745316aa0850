import Glibc

/// Random numbers from the kernel (getentropy(3)), fetched many at a time: the standard library's own generator makes a system call
/// for each.
///
/// For nonces and jitter, which must not be predictable but aren't secret once used: numbers fetched ahead are in ordinary memory.
package struct SystemChance: RandomNumberGenerator {
  private var words = [UInt64](repeating: 0, count: 32)
  private var used = 32

  package init() {}

  package mutating func next() -> UInt64 {
    if used == words.count { fetch() }
    defer {
      words[used] = 0
      used += 1
    }
    return words[used]
  }

  private mutating func fetch() {
    // At most 256 bytes per call; it fails only for a larger size or a bad address.
    let isFilled = words.withUnsafeMutableBytes { getentropy($0.baseAddress!, $0.count) == 0 }
    precondition(isFilled, "the kernel has no random numbers")
    used = 0
  }
}

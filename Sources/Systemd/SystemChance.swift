import Glibc

/// Random numbers of the kernel's (getentropy(3)), fetched many at a time: the standard library's own generator makes a system call for each.
///
/// For nonces and jitter, which nobody may foresee but which aren't secret once used: those fetched ahead lie in ordinary memory.
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
    // At most 256 bytes a call; it fails for a longer wish or a bad address alone.
    let isFilled = words.withUnsafeMutableBytes { getentropy($0.baseAddress!, $0.count) == 0 }
    precondition(isFilled, "the kernel has no random numbers")
    used = 0
  }
}

import Glibc

/// The kernel's table of this process's descriptors.
///
/// It grows with the first descriptor that finds no room, to the next power of two, and in a process with several threads whoever opens that one
/// waits, asleep, until no processor still looks at the old table (`expand_fdtable` in the kernel's fs/file.c): 7 to 16 ms each at 256, 512,
/// 1024, 2048 and 4096 descriptors, on two idle processors under Linux 6.18. On a loop all clients wait with it. It never shrinks.
package enum DescriptorTable {
  /// Makes room for `count` descriptors at once: waits once at the most, and not at all before the first thread.
  ///
  /// Where the process may not open so many, or memory has run out, the table grows as it is needed.
  package static func reserve(_ count: Int) {
    let highest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, CInt(clamping: count - 1))
    if highest >= 0 { close(highest) }
  }
}

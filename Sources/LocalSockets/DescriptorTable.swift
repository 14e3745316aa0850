import Glibc

/// The kernel's table of this process's descriptors.
///
/// It grows with the first descriptor that doesn't fit, to the next power of two. In a process with several threads the thread that
/// opens it then sleeps until no processor still uses the old table (`expand_fdtable` in the kernel's fs/file.c): 7 to 16 ms each
/// at 256, 512, 1024, 2048 and 4096 descriptors, on two idle processors under Linux 6.18. On the loop's thread all clients would
/// wait. The table never shrinks.
package enum DescriptorTable {
  /// Makes room for `count` descriptors in one step: at most one wait, and none before the first thread.
  ///
  /// If the process may not open so many, or memory has run out, the table grows as needed.
  package static func reserve(_ count: Int) {
    let highest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, CInt(clamping: count - 1))
    if highest >= 0 { close(highest) }
  }
}

import CLinux
import Glibc

// Otherwise a file or socket might get the number of a closed standard stream, and output be written to it.
guard clinux_hold_standard_descriptors() == 0 else { exit(ExitStatus.failed) }
// This process will hold credentials, so nobody may dump or trace it.
clinux_forbid_dumps()
clinux_keep_large_memory_apart()
// Enough for the buffers of four small files, which are allocated and freed with each file.
clinux_keep_free_memory(512 * 1024)
// libcurl would write session keys to the file it names.
unsetenv("SSLKEYLOGFILE")
var words: [[UInt8]] = []
while let word = clinux_argument(CInt(words.count + 1)) {
  words.append(Array(UnsafeRawBufferPointer(start: word, count: strlen(word))))
}
exit(CommandLineTool.run(words))

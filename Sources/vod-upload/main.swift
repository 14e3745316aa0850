import CLinux
import Glibc

// What is written to a standard stream must not go to a file or socket that took a closed one's number.
guard clinux_hold_standard_descriptors() == 0 else { exit(ExitStatus.failed) }
// A process that will hold credentials: nobody can dump or trace it.
clinux_forbid_dumps()
clinux_keep_large_memory_apart()
// The buffers of four small files, which come and go with each of them.
clinux_keep_free_memory(512 * 1024)
// libcurl would write session keys to the file it names.
unsetenv("SSLKEYLOGFILE")
var words: [[UInt8]] = []
while let word = clinux_argument(CInt(words.count + 1)) {
  words.append(Array(UnsafeRawBufferPointer(start: word, count: strlen(word))))
}
exit(CommandLineTool.run(words))

import CLinux
import Glibc

// Otherwise a socket might get the number of a closed standard stream, and a credential be written to it.
guard clinux_hold_standard_descriptors() == 0 else { exit(ExitStatus.failed) }
// At the limit of file size, a write then fails with an error instead of ending the process.
clinux_ignore(SIGXFSZ)
var words: [String] = []
while let word = clinux_argument(CInt(words.count + 1)) { words.append(String(cString: word)) }
exit(CommandLineTool.run(words))

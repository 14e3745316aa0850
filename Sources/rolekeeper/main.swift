import CLinux
import Glibc

// A credential that is written to a standard stream must not go to a socket that took a closed one's number.
guard clinux_hold_standard_descriptors() == 0 else { exit(ExitStatus.failed) }
// A file that has reached the limit of file size is an error with a sentence, and no end without one.
signal(SIGXFSZ, SIG_IGN)
var words: [String] = []
while let word = clinux_argument(CInt(words.count + 1)) { words.append(String(cString: word)) }
exit(CommandLineTool.run(words))

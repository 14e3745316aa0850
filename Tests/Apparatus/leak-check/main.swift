import Glibc
import Laboratory

Interruption.hold()
exit(LeakCheck.run(CommandLine.arguments))

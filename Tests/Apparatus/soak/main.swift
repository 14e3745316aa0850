import Glibc
import Laboratory

Interruption.hold()
exit(Soak.main(CommandLine.arguments))

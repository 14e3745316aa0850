import CLinux
import Daemon
import Glibc
import Logs
import Systemd
import Wire

// Before anything is opened: otherwise a file could get the number of a closed standard stream, and be written to as
// that stream.
guard clinux_hold_standard_descriptors() == 0 else { exit(ExitStatus.failed) }
// This process will hold keys. Before anything else, nobody may dump or trace it, and its files become its own.
clinux_forbid_dumps()
umask(0o077)
clinux_keep_large_memory_apart()
// OpenSSL writes to closed connections with write(2), and a file may have reached the limit of its size: both are
// errors instead of ending the process.
signal(SIGPIPE, SIG_IGN)
signal(SIGXFSZ, SIG_IGN)
// libcurl would write session keys to the file it names.
unsetenv("SSLKEYLOGFILE")

switch Invocation(Array(CommandLine.arguments.dropFirst())) {
case .help: print(Invocation.usage)
case .version: print("rolekeeperd \(Version.number)")
case .wrong(let why):
  Console.report("\(Console.program): \(why)\n\(Invocation.usage)")
  exit(ExitStatus.wrongUsage)
case .check(let config, let user, let online, let isJSON):
  exit(Check.run(config: config, user: user, online: online, isJSON: isJSON))
case .testSource(let file, let config, let roles, let isJSON):
  exit(SourceTest.run(file, config: config, roles: roles, isJSON: isJSON))
case .doctor(let query): exit(Doctor.run(query))
case .printPolkit(let config, let user): exit(Check.printPolkit(config: config, user: user))
case .printPolicies(let config, let user): exit(Check.printPolicies(config: config, user: user))
case .testPolicy(let config, let user, let words): exit(Check.testPolicy(config: config, user: user, words: words))
case .stopped(let unit): exit(Stopped.run(unit: unit))
case .run(let config, let isStrict):
  clinux_ignore_stray_signals()
  exit(Main.run(config: config, isStrict: isStrict))
}

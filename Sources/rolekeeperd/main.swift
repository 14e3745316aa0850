import CLinux
import Daemon
import Wire
import EventLoop
import Glibc
import Logging

// A process that will hold keys: before anything else it becomes one that nobody can dump or trace, and whose files are its own.
clinux_forbid_dumps()
umask(0o077)
clinux_keep_large_memory_apart()
// OpenSSL writes to closed connections by write(2), which would end us.
signal(SIGPIPE, SIG_IGN)
// libcurl would write session keys to the file it names.
unsetenv("SSLKEYLOGFILE")

switch Invocation(Array(CommandLine.arguments.dropFirst())) {
case .help: print(Invocation.usage)
case .version: print("rolekeeperd \(Version.number)")
case .wrong(let why):
  Console.complain("rolekeeperd: \(why)\n\(Invocation.usage)")
  exit(ExitStatus.wrongUsage)
case .check(let config, let user): exit(Check.run(config: config, user: user))
case .run(let config): exit(Keeping.run(config: config))
}

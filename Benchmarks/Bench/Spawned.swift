import Glibc

/// What a program run to its end took.
struct Spawned {
  let wall: Duration
  /// User and system time of the process and of those that it waited for, in seconds.
  let cpu: Double

  var milliseconds: Double { wall / .milliseconds(1) }
  var seconds: Double { wall / .seconds(1) }

  /// Runs `arguments[0]`, found by its path, with its output thrown away. Throws when it can't be run or ends with another status than 0.
  init(_ arguments: [String]) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    var argv = arguments.map { strdup($0) } + [nil]
    defer { for pointer in argv { free(pointer) } }
    var pid: pid_t = 0
    let started = ContinuousClock.now
    let failure = posix_spawn(&pid, arguments[0], &actions, nil, &argv, environ)
    guard failure == 0 else { throw BenchError("cannot start '\(arguments[0])'; is it installed?") }
    var status: CInt = 0
    var usage = rusage()
    while wait4(pid, &status, 0, &usage) < 0 && errno == EINTR {}
    wall = ContinuousClock.now - started
    cpu = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
    guard status == 0 else { throw BenchError("'\(arguments.joined(separator: " ").prefix(300))' failed") }
  }

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
}

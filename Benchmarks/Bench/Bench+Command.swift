import Glibc
import Laboratory
import TestSupport

/// The command line beside doing nothing, and beside curl.
extension Bench {
  func measureCommand(_ report: inout Report) throws {
    let stage = try Stage()
    try stage.start()
    let get = [Programs.commandLine, "--socket", stage.socket, "get", "role-00000"]
    let curl = ["/usr/bin/curl", "--silent", "--unix-socket", stage.socket, "http://localhost\(Stage.request)"]
    func run(_ command: [String]) throws -> Double {
      median(try (0..<form.runs).map { _ in try Spawned.milliseconds(command) })
    }
    let found = try interleaved([{ try run(get) }, { try run(["/bin/true"]) }, { try run(curl) }])
    report.add(
      "The command line", "From the start of the program to its end; medians of \(form.runs) runs a round.",
      [
        .compared("command-get-p50", "ms", found[0], with: found[1], beside: "/bin/true", target: .ratioAtMost(1.7)),
        .bounded("command-get-over-true", "ms", median(zip(found[0], found[1]).map { $0 - $1 }), atMost: 3),
        .compared("command-get-p50-curl", "ms", found[0], with: found[2], beside: "curl --unix-socket"),
      ])
  }
}

/// Programs run only for their time.
private enum Spawned {
  static func milliseconds(_ arguments: [String]) throws -> Double {
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
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    let taken = ContinuousClock.now - started
    guard status == 0 else { throw BenchError("'\(arguments.joined(separator: " "))' failed") }
    return taken / .milliseconds(1)
  }
}

import Glibc

/// A program that a test started: its output is kept in files, and it never outlives the value.
package final class ChildProcess {
  private static let timeout = Duration.seconds(240)

  package let pid: Int32
  private let outputPath: String
  private let errorPath: String
  private var status: CInt?

  /// Starts `arguments[0]`, found by its path, with exactly this environment, and with `descriptors` as its descriptors from 3 on.
  ///
  /// With `leadsGroup` it is in a process group of its own. By SIGTSTP and the stops by a terminal only a process stops whose group
  /// has a member with a parent in another group of the same session (orphaned process groups, POSIX): this process is one, whatever
  /// has started it.
  package init(
    _ arguments: [String], environment: [String: String] = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
    in directory: TemporaryDirectory, named name: String? = nil, descriptors: [CInt] = [],
    leadsGroup: Bool = false
  ) throws {
    let label = name ?? arguments[0].split(separator: "/").last.map(String.init) ?? "child"
    outputPath = directory.path("\(label).out")
    errorPath = directory.path("\(label).err")
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    // Out of the way first: their numbers may be among those that they get.
    let moved = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, 100) }
    defer { for descriptor in moved { close(descriptor) } }
    for (place, descriptor) in moved.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, CInt(3 + place))
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | (leadsGroup ? POSIX_SPAWN_SETPGROUP : 0)))

    var argv = arguments.map { strdup($0) } + [nil]
    var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var child: Int32 = 0
    let failure = posix_spawn(&child, arguments[0], &actions, &attributes, &argv, &envp)
    guard failure == 0 else { throw SpawnError(program: arguments[0], number: failure) }
    pid = child
  }

  package var output: String { text(of: outputPath) }
  package var errors: String { text(of: errorPath) }

  package func signal(_ number: Int32) { if status == nil { kill(pid, number) } }

  /// Waits for its end: the exit status, or 128 + the signal that ended it. What lasts for minutes is killed.
  @discardableResult
  package func wait() -> CInt {
    let deadline = ContinuousClock.now + Self.timeout
    while ContinuousClock.now < deadline {
      if let statusIfEnded { return statusIfEnded }
      usleep(1000)
    }
    kill(pid, SIGKILL)
    var raw: CInt = 0
    while waitpid(pid, &raw, 0) < 0 && errno == EINTR {}
    let code = Self.code(raw)
    status = code
    return code
  }

  private static func code(_ raw: CInt) -> CInt { raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f) }

  /// Its exit status as `wait` gives it, or nil while it runs.
  package var statusIfEnded: CInt? {
    if status == nil {
      var raw: CInt = 0
      if waitpid(pid, &raw, WNOHANG) == pid { status = Self.code(raw) }
    }
    return status
  }

  /// Ends it by SIGTERM and waits.
  @discardableResult
  package func stop() -> CInt {
    signal(SIGTERM)
    // A stopped process takes the signal only when it goes on.
    signal(SIGCONT)
    return wait()
  }

  /// Runs a program to its end.
  package static func run(
    _ arguments: [String], environment: [String: String] = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
  ) throws -> (status: CInt, output: String, errors: String) {
    let directory = try TemporaryDirectory()
    let child = try ChildProcess(arguments, environment: environment, in: directory)
    let status = child.wait()
    return (status, child.output, child.errors)
  }

  deinit {
    guard status == nil else { return }
    kill(pid, SIGKILL)
    _ = wait()
  }

  private func text(of path: String) -> String { FileText.read(path) ?? "" }
}

package enum FileText {
  /// The whole of a file; nil when it can't be read.
  package static func read(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[0..<count]
    }
  }
}

private struct SpawnError: Error, CustomStringConvertible {
  let program: String
  let number: CInt

  var description: String { "cannot start '\(program)': \(String(cString: strerror(number))); was it built?" }
}

import CLinux
import CommandInterface
import Glibc

/// A command to run, as it stands at the end of this process's own command line: its bytes needn't be UTF-8.
struct ChildCommand {
  /// For messages; the rest of the line may be anything, so it isn't repeated.
  let name: String
  private let words: [UnsafeMutablePointer<CChar>?]

  /// The last `count` words of the command line.
  init(lastWords count: Int, named name: String) {
    self.name = name
    var all = 0
    while clinux_argument(CInt(all)) != nil { all += 1 }
    words = (all - count..<all).map { UnsafeMutablePointer(mutating: clinux_argument(CInt($0))) } + [nil]
  }

  /// Becomes the command; returns only if that is impossible.
  func become(_ environment: ChildEnvironment) -> StartFailure {
    StartFailure(name, -clinux_become(words, environment.entries))
  }

  func start(_ environment: ChildEnvironment) throws(StartFailure) -> ChildProgram {
    var pid: pid_t = 0
    let result = clinux_start(words, environment.entries, &pid)
    guard result == 0 else { throw StartFailure(name, -result) }
    return ChildProgram(pid: pid)
  }
}

/// Why a command wasn't started.
struct StartFailure: Error, CustomStringConvertible {
  let description: String
  /// As env(1) and shells have it: 127 if there is no such command, else 126.
  let exitStatus: CInt

  init(_ name: String, _ number: CInt) {
    description = "cannot run \(quoted(name)): \(String(cString: strerror(number)))"
    exitStatus = number == ENOENT ? ExitStatus.noCommand : ExitStatus.cannotRun
  }
}

/// A running command.
struct ChildProgram {
  let pid: pid_t

  /// What became of it.
  enum News: Equatable {
    case ended(ChildEnd)
    /// By this signal.
    case stopped(CInt)
  }

  /// The latest, without waiting; nil if there is nothing new.
  func news() -> News? {
    var value: CInt = 0
    switch clinux_child_news(UInt32(max(0, clinux_child_news_of(pid, &value)))) {
    case clinux_child_exited: return .ended(.exited(value))
    case clinux_child_killed: return .ended(.killed(value))
    case clinux_child_stopped: return .stopped(value)
    default: return nil
    }
  }

  func send(_ number: CInt) { kill(pid, number) }
}

/// How a command ended.
enum ChildEnd: Equatable, CustomStringConvertible {
  case exited(CInt)
  case killed(CInt)

  var description: String {
    switch self {
    case .exited(let status): "ended with exit status \(status)"
    case .killed(let signal): "was ended by signal \(signal) (\(String(cString: strsignal(signal))))"
    }
  }
}

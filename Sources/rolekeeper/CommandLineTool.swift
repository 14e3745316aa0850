import Glibc
import LocalClient
import Secrets
import Wire

/// What is written, where, and how it ends.
enum CommandLineTool {
  static let defaultSocket = "/run/rolekeeper/rolekeeper.sock"

  static func run(_ words: [String]) -> Int32 {
    do {
      switch try Invocation(words) {
      case .help(let command): try Console.write(Usage.text(for: command))
      case .version: try Console.write("rolekeeper \(Version.number)\n")
      case .command(let arguments): return try run(arguments)
      }
      return ExitStatus.done
    } catch let wrong as Arguments.Wrong {
      Console.complain("\(wrong)")
      return ExitStatus.wrongUsage
    } catch let error as LocalClientError {
      Console.complain("\(error)")
      return ExitStatus.unreachable
    } catch let refusal as Refusal {
      Console.complain("\(refusal)")
      return refusal.exitStatus
    } catch {
      Console.complain("\(error)")
      return ExitStatus.failed
    }
  }

  private static func run(_ arguments: Arguments) throws -> Int32 {
    let path = arguments.socket ?? getenv("ROLEKEEPER_SOCKET").map { String(cString: $0) } ?? defaultSocket
    // A reload may have to wait for a directory service.
    let patience = arguments.command == .reload ? 90 : 15 + Int(arguments.waitSeconds ?? 0)
    let client = LocalClient(path: path, patienceSeconds: patience)
    switch arguments.command {
    case .status: return try StatusCommand(client).run(arguments)
    case .get: return try GetCommand(client).run(arguments)
    case .wait: return try WaitCommand(client).run(arguments)
    case .check: return try CheckCommand.run(config: arguments.config)
    case .reload: return try post(arguments.allowsRemoval ? "/v1/reload?allow_removal=1" : "/v1/reload", client)
    case .refresh: return try post("/v1/roles/\(arguments.roles[0])/refresh", client)
    }
  }

  private static func post(_ target: String, _ client: LocalClient) throws -> Int32 {
    let answer = try client.request("POST", target)
    guard (200..<300).contains(answer.status) else { throw Refusal(answer) }
    return ExitStatus.done
  }
}

/// How the command line ends.
enum ExitStatus {
  static let done: Int32 = 0
  /// Refused, or failed for a reason told on stderr.
  static let failed: Int32 = 1
  static let wrongUsage: Int32 = 2
  /// No daemon answers at the socket.
  static let unreachable: Int32 = 3
  /// Nothing valid, or not in time.
  static let nothingValid: Int32 = 4
}

/// An answer of the daemon that isn't what was asked for, in its own words.
struct Refusal: Error, CustomStringConvertible {
  let description: String
  let exitStatus: Int32

  init(_ answer: LocalClient.Answer) {
    exitStatus = answer.status == 503 ? ExitStatus.nothingValid : ExitStatus.failed
    let problem = answer.body.withBytes { bytes in
      // What isn't a problem document has nothing to add to its status.
      try? Problem(parsing: bytes)
    }
    guard let problem else {
      description = "the daemon answered with HTTP status \(answer.status)"
      return
    }
    let request = problem.requestID.map { " (request \($0))" } ?? ""
    description = ([problem.detail + request] + problem.errors).joined(separator: "\n")
  }
}

enum Console {
  /// What was to be written to stdout couldn't be: the disk is full, say.
  struct WriteError: Error, CustomStringConvertible {
    let number: Int32

    var description: String { "cannot write to stdout: \(String(cString: strerror(number)))" }
  }

  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  static func write(_ text: String) throws(WriteError) { try write(Array(text.utf8).span, to: STDOUT_FILENO) }

  static func write(_ secret: Secret) throws(WriteError) {
    try secret.withBytes { (bytes) throws(WriteError) in try write(bytes, to: STDOUT_FILENO) }
  }

  /// Says something on stderr, each line with the program's name.
  static func complain(_ text: String) {
    let lines = text.split(separator: "\n").map { "rolekeeper: \($0)\n" }.joined()
    // Nobody is left to tell that stderr is closed.
    try? write(Array(lines.utf8).span, to: STDERR_FILENO)
  }

  private static func write(_ bytes: Span<UInt8>, to descriptor: Int32) throws(WriteError) {
    try bytes.withUnsafeBytes { (buffer) throws(WriteError) in
      var done = 0
      while done < buffer.count {
        let count = Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw WriteError(number: errno) }
        done += count
      }
    }
  }
}

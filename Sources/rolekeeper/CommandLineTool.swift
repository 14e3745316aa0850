import Glibc
import LocalClient
import Secrets
import Wire

/// What is written, where, and how it ends.
enum CommandLineTool {
  static let defaultSocket = "/run/rolekeeper/rolekeeper.sock"

  static func run(_ words: [String]) -> Int32 {
    do {
      let arguments = try Arguments(words)
      return try run(arguments)
    } catch Arguments.Request.help(let command) {
      Console.write(Usage.text(for: command))
      return ExitStatus.done
    } catch Arguments.Request.version {
      Console.write("rolekeeper \(Version.number)\n")
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
    let patience = 15 + Int(arguments.waitSeconds ?? 0)
    let client = LocalClient(path: path, patienceSeconds: patience)
    switch arguments.command {
    case .status: return try StatusCommand(client).run(arguments)
    case .get: return try GetCommand(client).run(arguments)
    case .wait: return try WaitCommand(client).run(arguments)
    case .check: return try CheckCommand.run(config: arguments.config)
    case .reload: return try post("/v1/reload", client)
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
  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  static func write(_ text: String) { write(Array(text.utf8).span, to: STDOUT_FILENO) }

  static func write(_ secret: Secret) { secret.withBytes { write($0, to: STDOUT_FILENO) } }

  /// Says something on stderr, each line with the program's name.
  static func complain(_ text: String) {
    let lines = text.split(separator: "\n").map { "rolekeeper: \($0)\n" }.joined()
    write(Array(lines.utf8).span, to: STDERR_FILENO)
  }

  private static func write(_ bytes: Span<UInt8>, to descriptor: Int32) {
    bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count {
        let count = Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
        // A reader that has left is told by SIGPIPE, which ends us; nobody is left to tell of other failures.
        guard count > 0 else { return }
        done += count
      }
    }
  }
}

import CommandInterface
import Core
import LocalClient
import Wire

/// Runs the command, and turns errors into messages and exit statuses.
enum CommandLineTool {
  static func run(_ words: [String]) -> Int32 {
    do {
      switch try Invocation(words) {
      case .help(let command): try Console.write(Usage.text(for: command))
      case .nothing:
        Console.writeError(Usage.text(for: nil))
        return ExitStatus.wrongUsage
      case .version: try Console.write("rolekeeper \(Version.number)\n")
      case .command(let arguments): return try run(arguments)
      }
      return ExitStatus.done
    } catch let wrong as Arguments.Wrong {
      Console.report("\(wrong)")
      return ExitStatus.wrongUsage
    } catch let error as LocalClientError {
      Console.report("\(error)")
      return ExitStatus.unreachable
    } catch let refusal as Refusal {
      Console.report("\(refusal)")
      return refusal.exitStatus
    } catch {
      Console.report("\(error)")
      return ExitStatus.failed
    }
  }

  private static func run(_ arguments: Arguments) throws -> Int32 {
    let path = arguments.socket ?? Environment.socketPath
    let timeout = arguments.timeout.map { Duration.seconds($0.seconds) } ?? LocalClient.standardTimeout
    let client = LocalClient(path: path, timeout: timeout)
    do {
      return try run(arguments, client)
    } catch LocalClientError.silent(_, let timeout) {
      let text = arguments.timeout?.text ?? timeout.text
      Console.report("socket '\(path)': no answer within \(text); see systemctl status rolekeeper")
      return ExitStatus.unreachable
    }
  }

  private static func run(_ arguments: Arguments, _ client: LocalClient) throws -> Int32 {
    switch arguments.command {
    case .status: return try StatusCommand(client).run(arguments)
    case .get: return try GetCommand(client).run(arguments)
    case .wait:
      var command = WaitCommand(client, arguments)
      return try command.run()
    case .watch:
      var command = WatchCommand(client, arguments)
      return try command.run()
    case .exec:
      return arguments.givesURI ? try ExecURI(client).run(arguments) : try ExecCommand(client).run(arguments)
    case .check, .policy, .source, .doctor: return CheckCommand.run(arguments)
    case .whoHad: return try WhoHadCommand(arguments).run()
    case .reload: return try ReloadCommand(client).run(arguments)
    case .report: return try ReportCommand(client).run(arguments)
    case .refresh: return try RefreshCommand(client).run(arguments)
    }
  }
}

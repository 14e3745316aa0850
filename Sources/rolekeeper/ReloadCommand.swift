import CommandInterface
import Core
import LocalClient
import Secrets
import Wire

/// `reload`: has the daemon read its settings again, and reports errors in them.
struct ReloadCommand {
  /// A reload may have to wait for a directory service.
  static let usualTimeout = WrittenTime("90s")!

  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    let timeout = arguments.timeout == nil ? Duration.seconds(Self.usualTimeout.seconds) : client.timeout
    let query = arguments.allowsRemoval ? "?allow_removal=1" : ""
    let answer = try client.request("POST", "/v1/reload\(query)", timeout: timeout)
    guard answer.status == 200 else { throw Refusal(answer) }
    let outcome = try answer.body.withBytes { bytes in try ReloadOutcome(parsing: bytes) }
    for warning in outcome.warnings { Console.report(warning) }
    if let path = outcome.movedTo { Console.report(Self.moved(to: path)) }
    return ExitStatus.done
  }

  /// The warning if a reload has moved the socket: programs that use the default path don't find it any more, including
  /// `systemctl reload`.
  static func moved(to path: String) -> String {
    if path == StandardPath.socket { return "the socket is now '\(path)', the default" }
    return """
      the socket is now '\(path)'; reach it with --socket, or: export ROLEKEEPER_SOCKET=\(ShellWord.quoted(path))
      for systemctl reload: sudo systemctl edit rolekeeper, with the lines [Service] and \(UnitVariable.line("ROLEKEEPER_SOCKET", path))
      """
  }
}

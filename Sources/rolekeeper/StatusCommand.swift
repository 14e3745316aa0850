import CLinux
import CommandInterface
import Core
import Glibc
import LocalClient
import Secrets
import Wire

/// `status [ROLE]`: a table for people, or one line of JSON.
struct StatusCommand {
  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    if arguments.isHealthCheck { return try HealthCheck(client, role: arguments.roles.first).run() }
    guard arguments.isWatching else {
      try Console.write(try show(arguments, on: .current))
      return ExitStatus.done
    }
    var drawn = 0
    while true {
      let terminal = Terminal.current
      let text = try lookAgain(arguments, on: terminal)
      // On a terminal, overwrites the previous output: cursor up, then each line and everything below is cleared.
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      let up = drawn > 0 ? "\u{1B}[\(drawn)A\r" : ""
      try Console.write(terminal.width != nil ? up + lines.joined(separator: "\u{1B}[K\n") + "\u{1B}[J" : text)
      drawn = lines.count - 1
      sleep(1)
    }
  }

  /// The present status; waits for a daemon that is restarting.
  private func lookAgain(_ arguments: Arguments, on terminal: Terminal) throws -> String {
    do {
      return try show(arguments, on: terminal)
    } catch let error as LocalClientError {
      return TextLayout.wrapped("\(error); still looking", width: terminal.width).joined(separator: "\n") + "\n"
    }
  }

  private func show(_ arguments: Arguments, on terminal: Terminal) throws -> String {
    if let role = arguments.roles.first { return try showOne(role, arguments, on: terminal) }
    return try showAll(arguments, on: terminal)
  }

  private func showOne(_ role: String, _ arguments: Arguments, on terminal: Terminal) throws -> String {
    let answer = try client.request("GET", "/v1/roles/\(role)")
    guard answer.status == 200 else { throw Refusal(answer, role: role) }
    if arguments.isJSON { return answer.body.withBytes { bytes in Self.text(bytes) } }
    let status = try answer.body.withBytes { bytes in try RoleStatus(parsing: bytes) }
    return RoleDetail.render(status, on: terminal, userName: UserNames.name)
  }

  /// Every user may see the roles that they may read; administrators get the whole report.
  private func showAll(_ arguments: Arguments, on terminal: Terminal) throws -> String {
    let answer = try client.request("GET", "/v1/roles")
    guard answer.status == 200 else { throw Refusal(answer) }
    let list = try answer.body.withBytes { bytes in try RoleList(parsing: bytes) }
    guard list.isAdmin else {
      if arguments.isJSON { return answer.body.withBytes { bytes in Self.text(bytes) } }
      return StatusTable.render(
        list.roles, report: nil, scopes: list.scopes, on: terminal, userName: UserNames.name)
    }
    let whole = try client.request("GET", "/v1/status")
    guard whole.status == 200 else { throw Refusal(whole) }
    if arguments.isJSON { return whole.body.withBytes { bytes in Self.text(bytes) } }
    let report = try whole.body.withBytes { bytes in try StatusReport(parsing: bytes) }
    return StatusTable.render(report.roles, report: report, on: terminal, userName: UserNames.name)
  }

  private static func text(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}

/// User names in /etc/passwd.
enum UserNames {
  /// The name; the number if /etc/passwd has none, as for users of a directory service.
  static func name(_ uid: UInt32) -> String {
    guard let entry = clinux_local_user(uid) else { return "uid \(uid)" }
    return String(cString: entry.pointee.pw_name)
  }
}

import Core
import Glibc
import LocalClient
import Secrets
import Wire

/// `status`: a table for people, or one line of JSON.
struct StatusCommand {
  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    guard arguments.isWatching else {
      try Console.write(try show(asJSON: arguments.isJSON))
      return ExitStatus.done
    }
    var drawn = 0
    while true {
      let text = try lookAgain(asJSON: arguments.isJSON)
      // On a terminal over what was drawn before: up, each line cleared to its end, and all that is below.
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      let up = drawn > 0 ? "\u{1B}[\(drawn)A\r" : ""
      try Console.write(Console.isTerminal ? up + lines.joined(separator: "\u{1B}[K\n") + "\u{1B}[J" : text)
      drawn = lines.count - 1
      sleep(1)
    }
  }

  /// What there is to see now; a daemon that is being restarted is waited for.
  private func lookAgain(asJSON: Bool) throws -> String {
    do {
      return try show(asJSON: asJSON)
    } catch let error as LocalClientError {
      return "\(error); still looking\n"
    }
  }

  /// Everybody may ask after the roles they may read; administrators get the whole report.
  private func show(asJSON: Bool) throws -> String {
    let answer = try client.request("GET", "/v1/roles")
    guard answer.status == 200 else { throw Refusal(answer) }
    let list = try answer.body.withBytes { bytes in try RoleList(parsing: bytes) }
    guard list.isAdmin else {
      if asJSON { return answer.body.withBytes { bytes in Self.text(bytes) } }
      return StatusTable.render(list.roles, report: nil, colours: Self.wantsColours)
    }
    let whole = try client.request("GET", "/v1/status")
    guard whole.status == 200 else { throw Refusal(whole) }
    if asJSON { return whole.body.withBytes { bytes in Self.text(bytes) } }
    let report = try whole.body.withBytes { bytes in try StatusReport(parsing: bytes) }
    return StatusTable.render(report.roles, report: report, colours: Self.wantsColours)
  }

  private static var wantsColours: Bool { Console.isTerminal && getenv("NO_COLOR") == nil }

  private static func text(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}

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
      Console.write(try show(asJSON: arguments.isJSON))
      return ExitStatus.done
    }
    while true {
      let text = try show(asJSON: arguments.isJSON)
      // Home, the text, each line cleared to its end, and all that is below: no flicker.
      Console.write(
        Console.isTerminal
          ? "\u{1B}[H" + text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\u{1B}[K\n")
            + "\u{1B}[J" : text)
      sleep(1)
    }
  }

  private func show(asJSON: Bool) throws -> String {
    let answer = try client.request("GET", "/v1/status")
    if answer.status == 200 {
      if asJSON { return answer.body.withBytes { bytes in Self.text(bytes) } }
      let report = try answer.body.withBytes { bytes in try StatusReport(parsing: bytes) }
      return StatusTable.render(report.roles, report: report, colours: Self.wantsColours)
    }
    // The whole report is for administrators; everybody may ask after the roles they may read.
    let list = try client.request("GET", "/v1/roles")
    guard list.status == 200 else { throw Refusal(list) }
    if asJSON { return list.body.withBytes { bytes in Self.text(bytes) } }
    let roles = try list.body.withBytes { bytes in try RoleList(parsing: bytes).roles }
    return StatusTable.render(roles, report: nil, colours: Self.wantsColours)
  }

  private static var wantsColours: Bool { Console.isTerminal && getenv("NO_COLOR") == nil }

  private static func text(_ bytes: Span<UInt8>) -> String {
    bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}

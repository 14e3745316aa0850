import Core
import LocalClient
import Secrets
import Wire

/// `wait ROLE…`: returns when each of the roles has a valid session, without taking any.
struct WaitCommand {
  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    let deadline = ContinuousClock.now + .seconds(arguments.timeoutSeconds)
    // The stream first: what changes while we look is in it.
    guard let events = try client.lines("/v1/events") else { throw WaitError.noEvents }
    var missing = Set(arguments.roles)
    for role in arguments.roles where try state(of: role).hasSession { missing.remove(role) }
    while !missing.isEmpty {
      let left = ContinuousClock.now.duration(to: deadline)
      guard left > .zero else { return late(missing, arguments.timeoutSeconds) }
      events.wait(atMostSeconds: Int(left.wholeSeconds) + 1)
      do {
        guard let line = try events.next() else { throw WaitError.ended }
        let event = try RoleEvent(parsing: Array(line.utf8).span)
        if event.state.hasSession { missing.remove(event.role) }
      } catch LocalClientError.silent {
        return late(missing, arguments.timeoutSeconds)
      }
    }
    return ExitStatus.done
  }

  private func state(of role: String) throws -> RoleState {
    let answer = try client.request("GET", "/v1/roles/\(role)")
    guard answer.status == 200 else { throw Refusal(answer) }
    return try answer.body.withBytes { bytes in try RoleStatus(parsing: bytes).state }
  }

  private func late(_ missing: Set<String>, _ seconds: Int64) -> Int32 {
    let names = missing.sorted().map { "'\($0)'" }.joined(separator: ", ")
    Console.complain("no valid session within \(seconds) s for \(names); rolekeeper status says why")
    return ExitStatus.nothingValid
  }
}

private enum WaitError: Error, CustomStringConvertible {
  case noEvents
  case ended

  var description: String {
    switch self {
    case .noEvents: "the daemon offers no events; is it of an older version?"
    case .ended: "the daemon ended while we waited; see systemctl status rolekeeper"
    }
  }
}

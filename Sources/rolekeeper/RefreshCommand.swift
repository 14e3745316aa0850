import CommandInterface
import Core
import LocalClient
import Secrets
import Wire

/// `refresh ROLE`: has a new session fetched now, and reports the outcome.
struct RefreshCommand {
  private static let wait: Int64 = 30

  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    let role = arguments.roles[0]
    let timeout = arguments.timeout == nil ? client.timeout + .seconds(Self.wait) : client.timeout
    let answer = try client.request("POST", "/v1/roles/\(role)/refresh?wait=\(Self.wait)", timeout: timeout)
    switch answer.status {
    case 200:
      let status = try answer.body.withBytes { bytes in try RoleStatus(parsing: bytes) }
      try Console.write(Self.refreshed(status) + "\n")
      return ExitStatus.done
    case 202:
      Console.report(
        "role '\(role)': no outcome within \(Self.wait)s; 'rolekeeper status \(role)' shows it when it has come")
      return ExitStatus.notNow
    default: throw Refusal(answer, role: role)
    }
  }

  static func refreshed(_ status: RoleStatus) -> String {
    let life = status.expiresIn.map { ", expires in \($0.text)" } ?? ""
    let inUse = "generation \(status.generation)\(life)"
    let isOfTier = status.source?.isTier == true && status.source?.directSince == nil
    guard let fetched = status.fetched else {
      return isOfTier
        ? "role '\(status.name)': the tier has no newer session: \(inUse)" : "role '\(status.name)' refreshed: \(inUse)"
    }
    // The time that an answer may take, and the error that unconfirmed dates may have.
    // A tier hands out what it has, which is never asked for.
    let isLess = !isOfTier && fetched.asked - fetched.expiresIn > .seconds(120)
    let less = isLess ? "; STS granted less than the \(fetched.asked.text) asked for" : ""
    if fetched.accessKeyID == status.accessKeyID { return "role '\(status.name)' refreshed: \(inUse)\(less)" }
    return """
      role '\(status.name)' refreshed: the new session expires in \(fetched.expiresIn.text)\(less)
      readers keep the one that lasts longer: \(inUse)
      """
  }
}

import Core
import LocalClient
import Secrets
import Wire

/// `get ROLE`: one request, and the credential on stdout.
struct GetCommand {
  /// How long the daemon waits by itself where `min_ttl` takes a fetch and nothing else was asked.
  private static let defaultWait: Int64 = 10

  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    let role = arguments.roles[0]
    var query: [String] = []
    if let minTTL = arguments.minTTL { query.append("min_ttl=\(minTTL.seconds)") }
    if let wait = arguments.wait { query.append("wait=\(wait.seconds)") }
    let suffix = query.isEmpty ? "" : "?\(query.joined(separator: "&"))"
    let wait = arguments.wait?.seconds ?? (arguments.minTTL == nil ? 0 : Self.defaultWait)
    let timeout = arguments.timeout == nil ? client.timeout + .seconds(wait) : client.timeout
    let answer = try client.request("GET", "/v1/roles/\(role)/credentials\(suffix)", timeout: timeout)
    guard answer.status == 200 else { throw Refusal(answer, role: role, minTTL: arguments.minTTL) }
    if let remaining = answer.head.field("rolekeeper-below-floor").flatMap({ Int64($0) }) {
      Console.report(Self.belowFloor(role, .seconds(remaining)))
    }
    try Console.write(rendered(answer.body, as: arguments.format))
    return ExitStatus.done
  }

  /// What the daemon answers is rendered in one format already, which `get` is run for most: reading it would cost more than all the rest.
  private func rendered(_ document: Secret, as format: CredentialFormat) throws -> Secret {
    if format == .json { return document }
    return try document.withBytes { bytes in try SessionCredential(parsing: bytes) }.rendered(as: format)
  }

  static func belowFloor(_ role: String, _ remaining: Duration) -> String {
    "role '\(role)': this credential lasts \(remaining.text) more, less than the role's floor; see 'rolekeeper status \(role)'"
  }
}

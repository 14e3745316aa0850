import Core
import LocalClient
import Secrets
import Wire

/// `get ROLE`: one request, and the credential on stdout.
struct GetCommand {
  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    let role = arguments.roles[0]
    var query: [String] = []
    if let minTTL = arguments.minTTL { query.append("min_ttl=\(minTTL.seconds)") }
    if let wait = arguments.wait { query.append("wait=\(wait.seconds)") }
    let suffix = query.isEmpty ? "" : "?\(query.joined(separator: "&"))"
    // As the daemon waits by itself where nothing else is said.
    let usual = arguments.minTTL == nil ? Duration.zero : RequestWait.standard
    let wait = arguments.wait.map { Duration.seconds($0.seconds) } ?? usual
    let timeout = arguments.timeout == nil ? client.timeout + wait : client.timeout
    let answer = try client.request("GET", "/v1/roles/\(role)/credentials\(suffix)", timeout: timeout)
    guard answer.status == 200 else { throw Refusal(answer, role: role, minTTL: arguments.minTTL) }
    if let remaining = answer.head.field("rolekeeper-below-floor").flatMap({ Int64($0) }) {
      Console.report(Self.belowFloor(role, .seconds(remaining)))
    }
    try Console.write(rendered(answer.body, as: arguments.format))
    return ExitStatus.done
  }

  /// The daemon has rendered the JSON document already. SDKs run `get` on every refresh, and reading the document would only cost time.
  private func rendered(_ document: Secret, as format: CredentialFormat) throws -> Secret {
    if format == .json { return document }
    return try document.withBytes { bytes in try SessionCredential(parsing: bytes) }.rendered(as: format)
  }

  static func belowFloor(_ role: String, _ remaining: Duration) -> String {
    "role '\(role)': this credential lasts \(remaining.text) more, less than the role's floor; see 'rolekeeper status \(role)'"
  }
}

import LocalClient
import Secrets
import Wire

/// `get ROLE`: one request, and the credential on stdout.
struct GetCommand {
  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    let query = [("min_ttl", arguments.minTTLSeconds), ("wait", arguments.waitSeconds)]
      .compactMap { name, value in value.map { "\(name)=\($0)" } }
    let suffix = query.isEmpty ? "" : "?\(query.joined(separator: "&"))"
    let answer = try client.request("GET", "/v1/roles/\(arguments.roles[0])/credentials\(suffix)")
    guard answer.status == 200 else { throw Refusal(answer) }
    if let remaining = answer.fields["rolekeeper-below-floor"] {
      Console.complain(
        "role '\(arguments.roles[0])': only \(remaining) s left, since STS can't be reached; see rolekeeper status")
    }
    switch arguments.format {
    case .json: try Console.write(answer.body)
    case .env:
      let credential = try answer.body.withBytes { bytes in try SessionCredential(parsing: bytes) }
      try Console.write(credential.environment())
    }
    return ExitStatus.done
  }
}

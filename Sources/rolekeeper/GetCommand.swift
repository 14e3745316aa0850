import CommandInterface
import Core
import Glibc
import LocalClient
import Secrets
import Wire

/// `get ROLE`: makes one request and prints the credential. If the daemon stops before it answers, the request is
/// repeated to the next process, as long as the wait allows.
struct GetCommand {
  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    let role = arguments.roles[0]
    // The daemon's own default.
    let usual = arguments.minTTL == nil ? Duration.zero : RequestWait.standard
    let wait = arguments.wait.map { Duration.seconds($0.seconds) } ?? usual
    let timeout = arguments.timeout == nil ? client.timeout + wait : client.timeout
    let (end, deadline) = (Deadline(after: wait), Deadline(after: timeout))
    var answer = try client.request("GET", target(arguments, wait: nil), timeout: timeout)
    while answer.status == 503, !end.hasPassed, Self.isLeftToNext(answer) {
      usleep(Self.pauseMicroseconds)
      answer = try client.request("GET", target(arguments, wait: end.left), timeout: deadline.left)
    }
    guard answer.status == 200 else { throw Refusal(answer, role: role, minTTL: arguments.minTTL) }
    if let remaining = answer.head.field("rolekeeper-below-floor").flatMap({ Int64($0) }) {
      Console.report(Self.belowFloor(role, .seconds(remaining)))
    }
    try Console.write(rendered(answer.body, as: arguments.format))
    return ExitStatus.done
  }

  /// The pause before a request is repeated: without a socket from systemd, the next process listens after some 20 ms.
  private static let pauseMicroseconds: UInt32 = 20_000

  private static func isLeftToNext(_ answer: LocalClient.Answer) -> Bool {
    // A daemon that stops answers with a problem document.
    (try? answer.body.withBytes { try Problem(parsing: $0) })?.kind == .stopping
  }

  /// `wait` is what remains of the requested wait; nil for the whole wait.
  private func target(_ arguments: Arguments, wait: Duration?) -> String {
    var query: [String] = []
    if let minTTL = arguments.minTTL { query.append("min_ttl=\(minTTL.seconds)") }
    if let wait = wait?.wholeSeconds ?? arguments.wait?.seconds { query.append("wait=\(wait)") }
    return "/v1/roles/\(arguments.roles[0])/credentials" + (query.isEmpty ? "" : "?\(query.joined(separator: "&"))")
  }

  /// The daemon has rendered the JSON document. SDKs run `get` for every refresh, and parsing it would only take time.
  private func rendered(_ document: Secret, as format: CredentialFormat) throws -> Secret {
    if format == .json { return document }
    return try document.withBytes { bytes in try SessionCredential(parsing: bytes) }.rendered(as: format)
  }

  static func belowFloor(_ role: String, _ remaining: Duration) -> String {
    "role '\(role)': this credential lasts \(remaining.text) more, less than the role's floor; see 'rolekeeper status \(role)'"
  }
}

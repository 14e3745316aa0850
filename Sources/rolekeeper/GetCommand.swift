import CommandInterface
import Core
import Glibc
import LocalClient
import Secrets
import Wire

/// `get ROLE`: makes one request, and prints the credential or writes it to a file. If the daemon stops before it answers, the request
/// is repeated to the next process, as long as the wait allows.
///
/// SDKs run it: it doesn't read stdin, writes nothing to stderr when it succeeds, and never anything of an answer when it fails.
struct GetCommand {
  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    let file = try arguments.output.map { path in try CredentialFile(path) }
    let template = try arguments.template.map { path in try TemplateFile.read(path) }
    let answer = try answer(to: arguments)
    if let file, arguments.format == .aliyunCLI {
      try merge(answer.body, of: arguments.roles[0], into: file)
    } else {
      let credential = try rendered(answer.body, arguments, template)
      if let file { try file.write(credential) } else { try Console.write(credential) }
    }
    // Only for a person: to a program the credential is as good as any other.
    if isatty(STDERR_FILENO) == 1,
      let remaining = answer.head.field("rolekeeper-below-floor").flatMap({ Int64($0) })
    {
      Console.report(Self.belowFloor(arguments.roles[0], .seconds(remaining)))
    }
    return ExitStatus.done
  }

  /// The answer with the credential. Throws `Refusal` or `LocalClientError` if there is none in time.
  func answer(to arguments: Arguments) throws -> LocalClient.Answer {
    // A session of a scope may have to be fetched first.
    let usual = arguments.minTTL == nil && arguments.scope == nil ? RequestWait.ofCommandLine : RequestWait.standard
    let wait = arguments.wait.map { Duration.seconds($0.seconds) } ?? usual
    let timeout = arguments.timeout == nil ? client.timeout + wait : client.timeout
    let (end, deadline) = (Deadline(after: wait), Deadline(after: timeout))
    var answer = try client.request("GET", target(arguments, wait: wait), timeout: timeout)
    while answer.status == 503, !end.hasPassed, Self.isLeftToNext(answer) {
      usleep(Self.pauseMicroseconds)
      answer = try client.request("GET", target(arguments, wait: end.left), timeout: deadline.left)
    }
    guard answer.status == 200 else { throw Refusal(answer, role: arguments.roles[0], minTTL: arguments.minTTL) }
    return answer
  }

  /// The pause before a request is repeated: without a socket from systemd, the next process listens after some 20 ms.
  private static let pauseMicroseconds: UInt32 = 20_000

  private static func isLeftToNext(_ answer: LocalClient.Answer) -> Bool {
    // A daemon that stops answers with a problem document.
    (try? answer.body.withBytes { try Problem(parsing: $0) })?.kind == .stopping
  }

  /// `wait` is what remains of the wait.
  private func target(_ arguments: Arguments, wait: Duration) -> String {
    let minTTL = arguments.minTTL.map { "min_ttl=\($0.seconds)&" } ?? ""
    let scope = arguments.scope.map { "scope=\($0)&" } ?? ""
    return "/v1/roles/\(arguments.roles[0])/credentials?\(scope)\(minTTL)wait=\(wait.wholeSeconds)"
  }

  /// The daemon has rendered the JSON document. SDKs run `get` for every refresh, and parsing it would only take time.
  private func rendered(
    _ document: Secret, _ arguments: Arguments, _ template: CredentialTemplate?
  ) throws -> Secret {
    if arguments.field == nil, template == nil, arguments.format == .json { return document }
    let credential = try document.withBytes { bytes in try SessionCredential(parsing: bytes) }
    if let field = arguments.field { return credential.line(of: field) }
    // Names were checked with the other arguments.
    let role = RoleName(arguments.roles[0])!
    return try credential.rendered(as: template.map { .template($0) } ?? .known(arguments.format), for: role)
  }

  /// Changes the role's profile in a configuration of the aliyun command line.
  private func merge(_ document: Secret, of name: String, into file: CredentialFile) throws {
    let credential = try document.withBytes { bytes in try SessionCredential(parsing: bytes) }
    // Names were checked with the other arguments.
    let role = RoleName(name)!
    try file.change { existing in
      guard let existing else { return try credential.rendered(as: .known(.aliyunCLI), for: role) }
      do throws(FormatError) { return try credential.aliyunConfiguration(for: role, in: existing) } catch {
        throw file.failure("\(error)")
      }
    }
  }

  static func belowFloor(_ role: String, _ remaining: Duration) -> String {
    "role '\(role)': this credential lasts \(remaining.text) more, less than the role's floor; see 'rolekeeper status \(role)'"
  }
}

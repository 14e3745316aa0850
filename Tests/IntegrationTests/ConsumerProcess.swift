import Glibc
import JSON
import Laboratory
import TestSupport

/// One of the programs in Tests/Tools/consumers: it makes a signed request each time that it is asked to.
final class ConsumerProcess {
  /// What came of a request, or of the preparations for the first.
  struct Outcome {
    /// The AccessKeyId that signed it, if the consumer's own recorder has accepted it.
    let keyID: String?
    /// What the consumer, or its recorder, says about a failure.
    let error: String?
  }

  let name: String
  /// A role of its own.
  let role: String
  private let child: ChildProcess
  private let channel: StreamConnection

  /// The directory that it has to itself.
  let home: String

  /// Starts it with a home of its own; `wrapper` are words before its own, as for the daemon.
  init(
    _ name: String, in lab: Lab, uri: String? = nil, wrapper: [String] = [], environment: [String: String] = [:]
  ) throws {
    self.name = name
    role = name
    home = lab.directory.path("home-\(name)")
    mkdir(home, 0o700)
    let files = lab.draft.roles.contains { $0.name == name && !$0.files.isEmpty } ? Self.files : []
    let listed = files.map { "\"\($0)\": \"\(lab.draft.directory)/\(name)/\($0)\"" }.joined(separator: ", ")
    let facts = """
      {"role": "\(name)", "sts": "\(lab.emulator.endpoint)", "oss": "127.0.0.1:\(lab.emulator.ossPort)",
       "control": "\(lab.emulator.controlEndpoint)", "authority": "\(lab.emulator.authorityPath)",
       "directory": "\(home)", "files": {\(listed)},
       "programs": "\(Self.root)/debian/usr/bin"\(uri.map { ", \"uri\": \"\($0)\"" } ?? "")}
      """
    var variables = [
      "PATH": "\(Programs.directory):/usr/bin:/bin", "HOME": home, "ROLEKEEPER_SOCKET": lab.draft.socketPath,
      "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", "REQUESTS_CA_BUNDLE": lab.emulator.authorityPath,
      "SSL_CERT_FILE": lab.emulator.authorityPath, "PYTHONDONTWRITEBYTECODE": "1",
    ]
    variables.merge(environment) { $1 }
    var ends: [CInt] = [0, 0]
    guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw StreamError(attempt: "make a pair of sockets", number: errno)
    }
    channel = StreamConnection(taking: ends[0], patienceSeconds: 60)
    defer { close(ends[1]) }
    let place = name.hasPrefix("ossfs-") ? "ossfs" : "python"
    child = try ChildProcess(
      wrapper + ["\(Self.root)/\(place)/bin/python", "\(Self.scripts)/run.py", name, facts], environment: variables,
      in: lab.directory, named: "consumer-\(name)", descriptors: [ends[1]])
  }

  deinit { child.stop() }

  /// What is installed for the tests, CONSUMERS_ROOT.
  static var root: String { getenv("CONSUMERS_ROOT").map { String(cString: $0) } ?? "" }

  /// The files that a consumer's role has, by format.
  static let files = ["json", "aws", "odps", "env-file"]

  static let repository = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  static let scripts = "\(repository)/Tests/Tools/consumers"

  /// Asks for a request without waiting for it; `dead` are sessions that its recorder refuses from now on.
  func ask(dead: [String] = []) throws { try channel.send(dead.joined(separator: " ") + "\n") }

  /// Lets it make one request and waits for what came of it.
  func use() throws -> Outcome {
    try ask()
    return try outcome()
  }

  /// Waits for what came of the request, or, the first time, of the preparations.
  func outcome() throws -> Outcome {
    guard let line = try channel.readLine() else {
      throw ProgramEnded(name: name, status: child.wait(), errors: child.errors)
    }
    let text = Array(line.utf8)
    let root = try JSONDocument(text.span).root
    return Outcome(keyID: root["key"]?.string(), error: root["error"]?.string())
  }

  var errors: String { child.errors }
}

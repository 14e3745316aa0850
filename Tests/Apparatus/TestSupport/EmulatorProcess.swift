import Glibc
import JSON

/// An sts-emulator of a test's own, on ports of its choice, with the faults and counters of its control endpoint.
package final class EmulatorProcess {
  package let port: UInt16
  /// Where OSS listens; 0 without.
  package let ossPort: UInt16
  /// The certificate authority that its certificate is of, in PEM.
  package let authorityPath: String
  /// Where the metadata service of an ECS instance, the server behind a credentials URI, and KMS Agent listen; 0 without.
  package let metadataPort: UInt16
  package let credentialsURIPort: UInt16
  package let kmsAgentPort: UInt16
  /// The Unix socket of the same server, a client certificate with its key in PEM, and the token of KMS Agent; only with
  /// `hasHostServices`.
  package let credentialsSocketPath: String
  package let clientCertificatePath: String
  package let kmsTokenPath: String
  private let control: UInt16
  private let realmPath: String
  package let child: ChildProcess
  private let directory: TemporaryDirectory

  /// `realm` is what `sts-emulator --help` says of its configuration; `objects` is where OSS keeps them, nil for no OSS;
  /// `hasHostServices` is for the services that a host in the cloud has at addresses of its own; `wrapper` are words before the
  /// program's own.
  package init(
    realm: String, in directory: TemporaryDirectory, named name: String = "emulator", objects: String? = nil,
    hasHostServices: Bool = false, wrapper: [String] = []
  ) throws {
    self.directory = directory
    realmPath = try directory.write(realm, to: "\(name).toml")
    authorityPath = directory.path("\(name)-ca.pem")
    credentialsSocketPath = directory.path("\(name)-credentials.sock")
    clientCertificatePath = directory.path("\(name)-client.pem")
    kmsTokenPath = directory.path("\(name)-kmstoken")
    let hostServices = [
      "--ecs", "127.0.0.1:0", "--credentials-uri", "127.0.0.1:0", "--credentials-socket", credentialsSocketPath,
      "--client-out", clientCertificatePath, "--kms", "127.0.0.1:0", "--kms-token-out", kmsTokenPath,
    ]
    let child = try ChildProcess(
      wrapper + [
        Programs.emulator, "--config", realmPath, "--listen", "127.0.0.1:0", "--ca-out", authorityPath, "--control",
        "127.0.0.1:0",
      ] + (objects.map { ["--objects", $0] } ?? []) + (hasHostServices ? hostServices : []), in: directory, named: name)
    self.child = child
    try eventually("the emulator says its ports") {
      if let status = child.statusIfEnded { throw ProgramEnded(name: name, status: status, errors: child.errors) }
      return child.output.contains("control on")
    }
    let lines = child.output.split(separator: "\n")
    func port(_ name: String) -> UInt16 {
      lines.first { $0.hasPrefix("\(name) on ") }.flatMap { UInt16($0.split(separator: ":").last ?? "") } ?? 0
    }
    (self.port, control, ossPort) = (port("listening"), port("control"), port("OSS"))
    (metadataPort, credentialsURIPort, kmsAgentPort) = (port("ECS metadata"), port("credentials"), port("KMS Agent"))
  }

  package var endpoint: String { "127.0.0.1:\(port)" }
  /// The control endpoint, for programs that a test runs.
  package var controlEndpoint: String { "127.0.0.1:\(control)" }

  /// Puts a fault in force, as in `kind=error&status=503`, for all requests or one role's; returns its number.
  @discardableResult
  package func fault(_ parameters: String, role: String? = nil) throws -> Int {
    let answer = Array(try ask("POST", "/faults?\(parameters)\(role.map { "&role=\($0)" } ?? "")").utf8)
    return Int(try JSONDocument(answer.span).root["id"]?.int ?? 0)
  }

  package func clearFaults() throws { try ask("DELETE", "/faults") }

  /// Clears one fault; throws when it isn't in force any more.
  package func clearFault(_ number: Int) throws { try ask("DELETE", "/faults/\(number)") }

  /// Whether no fault is in force: all were cleared or are used up.
  package func isFaultless() throws -> Bool { try ask("GET", "/faults").contains("\"faults\":[]") }

  /// How many AssumeRole calls arrived, of one role and with one result where these are given.
  package func draws(of role: String? = nil, result: String? = nil) throws -> Int {
    var sum: Int64 = 0
    let text = Array(try ask("GET", "/requests").utf8)
    try JSONDocument(text.span).root["counts"]?.forEachItem { line in
      guard line["action"]?.string() == "AssumeRole" else { return }
      if let role, line["role"]?.string() != role { return }
      if let result, line["result"]?.string() != result { return }
      sum += line["count"]?.int ?? 0
    }
    return Int(sum)
  }

  /// When each AssumeRole call of a role arrived, in microseconds, among the latest 1000 requests.
  package func arrivals(of role: String) throws -> [Int64] {
    var arrivals: [Int64] = []
    let text = Array(try ask("GET", "/requests/recent").utf8)
    try JSONDocument(text.span).root["requests"]?.forEachItem { request in
      guard request["role"]?.string() == role, let time = request["microseconds"]?.int else { return }
      arrivals.append(time)
    }
    return arrivals
  }

  /// Goes on with another configuration; sessions stay valid.
  package func reload(realm: String) throws {
    try directory.write(realm, to: String(realmPath.dropFirst(directory.path.count + 1)))
    try ask("POST", "/reload")
  }

  @discardableResult
  package func ask(_ method: String, _ target: String) throws -> String {
    let connection = try StreamConnection(port: control)
    try connection.send("\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    let reply = try connection.readReply()
    guard reply.status == 200 else { throw ControlRefused(target: target, answer: reply.body) }
    return reply.body
  }
}

package struct ProgramEnded: Error, CustomStringConvertible {
  package let name: String
  package let status: CInt
  package let errors: String

  package init(name: String, status: CInt, errors: String) {
    self.name = name
    self.status = status
    self.errors = errors
  }

  package var description: String { "'\(name)' ended with status \(status): \(errors)" }
}

private struct ControlRefused: Error, CustomStringConvertible {
  let target: String
  let answer: String

  var description: String { "the emulator refused \(target): \(answer)" }
}

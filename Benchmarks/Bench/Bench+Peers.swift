import Glibc
import Laboratory
import TestSupport

/// Programs of a like kind, where they are installed.
extension Bench {
  func measurePeers(_ report: inout Report) throws {
    let stage = try Stage()
    try stage.start()
    var rows: [Row] = []
    var missing: [String] = []
    // The daemon's own, for nginx to serve from a file.
    try stage.lab.directory.write(try stage.document(), to: "document.json")
    for kind in Peer.Kind.allCases {
      guard let peer = try Peer(kind, in: stage.lab.directory) else {
        missing.append(kind.rawValue)
        continue
      }
      for isNew in kind.keepsConnections ? [true, false] : [true] {
        for connections in [1, 16] { rows += try compare(stage, peer, isNew, connections) }
      }
    }
    let absent = missing.isEmpty ? "" : " Not installed here: \(missing.joined(separator: ", "))."
    report.add(
      "Beside programs of a like kind",
      """
      nginx serves the same document from a file over its Unix socket, one worker. ssh-agent lists no keys. oidc-agent lists no accounts; it \
      knows no kept connections. The agents do less than hand out a credential.\(absent)
      """, rows)
  }

  private func compare(_ stage: Stage, _ peer: Peer, _ isNew: Bool, _ connections: Int) throws -> [Row] {
    var ours = Load(request: .get(Stage.request), connections: connections, makesNewConnections: isNew)
    let mine = ours
    ours.request = peer.request
    let theirs = ours
    let found = try interleaved([{ try mine.run(on: stage.socket, form) }, { try theirs.run(on: peer.socket, form) }])
    let name = "beside-\(peer.kind.rawValue)-\(isNew ? "new-connection" : "keep-alive")-\(connections)"
    func row(_ figure: String, _ unit: String, _ value: (LoadResult) -> Double) -> Row {
      .compared(
        "\(name)-\(figure)", unit, found[0].map(value), with: found[1].map(value), beside: peer.kind.rawValue)
    }
    return [row("p50", "us", \.p50), row("p99", "us", \.p99), row("rate", "1/s", \.rate)]
  }
}

/// Another server on a Unix socket, running.
private final class Peer {
  enum Kind: String, CaseIterable {
    case nginx
    case sshAgent = "ssh-agent"
    case oidcAgent = "oidc-agent"

    var program: String {
      switch self {
      case .nginx: "/usr/sbin/nginx"
      case .sshAgent: "/usr/bin/ssh-agent"
      case .oidcAgent: "/usr/bin/oidc-agent"
      }
    }

    /// Whether it answers more than one request on a connection.
    var keepsConnections: Bool { self != .oidcAgent }
  }

  let kind: Kind
  let socket: String
  private let child: ChildProcess

  /// Starts it; nil where it isn't installed.
  init?(_ kind: Kind, in directory: TemporaryDirectory) throws {
    guard access(kind.program, X_OK) == 0 else { return nil }
    self.kind = kind
    socket = directory.path("\(kind.rawValue).sock")
    child = try ChildProcess(
      try Self.command(kind, socket, directory),
      environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": directory.path, "TMPDIR": directory.path],
      in: directory, named: kind.rawValue)
    let path = socket
    try eventually("\(kind.rawValue) listens") { (try? StreamConnection(unix: path)) != nil }
  }

  var request: Load.Request {
    switch kind {
    case .nginx: .get("/document.json")
    // SSH_AGENTC_REQUEST_IDENTITIES (draft-miller-ssh-agent, 4.4).
    case .sshAgent: .raw("000000010b", framing: "length32")
    case .oidcAgent:
      .raw(Self.hexadecimal(#"{"request":"loaded_accounts"}"#), framing: "close")
    }
  }

  private static func hexadecimal(_ text: String) -> String {
    text.utf8.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  private static func command(_ kind: Kind, _ socket: String, _ directory: TemporaryDirectory) throws -> [String] {
    switch kind {
    case .nginx: [kind.program, "-c", try nginxSettings(socket, directory)]
    case .sshAgent: [kind.program, "-D", "-a", socket]
    case .oidcAgent: [kind.program, "-d", "-a", socket]
    }
  }

  private static func nginxSettings(_ socket: String, _ directory: TemporaryDirectory) throws -> String {
    let bodies = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
      "\($0)_temp_path \(directory.path("nginx-\($0)"));"
    }
    return try directory.write(
      """
      daemon off; worker_processes 1; pid \(directory.path("nginx.pid")); error_log stderr;
      events { worker_connections 1024; }
      http {
        access_log off; keepalive_requests 1000000000; open_file_cache max=10; \(bodies.joined(separator: " "))
        server { listen unix:\(socket); root \(directory.path); default_type application/json; }
      }
      """, to: "nginx.conf")
  }
}

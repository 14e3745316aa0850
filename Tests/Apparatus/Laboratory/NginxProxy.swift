import Core
import Glibc
import TestSupport

/// An nginx in front of a daemon, or of what stands in for one, with the configuration that is installed, as a user of its own.
package final class NginxProxy {
  /// As which nginx runs.
  package static let uid: UInt32 = 61_700

  private struct Incomplete: Error { let missing: String }

  private let directory: TemporaryDirectory
  private let child: ChildProcess
  private let authority: HostAuthority
  private let server: HostAuthority
  package let port: UInt16

  /// Passes requests on to the Unix socket at `socket`; serves when this returns. `authority` is that of the hosts, `settings` are further
  /// lines of nginx's `server`.
  package init(for socket: String, hosts authority: HostAuthority, settings: String = "") throws {
    self.authority = authority
    directory = try TemporaryDirectory()
    server = try HostAuthority()
    port = TCPSocket.freePort()
    let identity = try server.issue("/CN=localhost", ["DNS:localhost"])
    let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    guard var text = FileText.read("\(root)/etc/nginx/rolekeeper.conf") else {
      throw Incomplete(missing: "rolekeeper.conf")
    }
    for (shipped, own) in [
      ("/run/rolekeeper-nginx", directory.path), ("/run/rolekeeper/rolekeeper.sock", socket),
      ("listen 443 ssl;", "listen 127.0.0.1:\(port) ssl;"), ("listen [::]:443 ssl;", ""),
      ("/etc/rolekeeper/fleet/tier.crt", identity.certificate),
      ("/etc/rolekeeper/fleet/tier.key", directory.path("key")),
      ("/etc/rolekeeper/fleet/hosts-ca.crt", authority.certificate),
      ("/etc/rolekeeper/fleet/hosts-ca.crl", authority.revocations),
      ("syslog:server=unix:/dev/log,nohostname,tag=rolekeeper_nginx,severity=warn", directory.path("refused")),
      ("worker_connections 20000;", "worker_connections 500;"),
      ("worker_processes auto;", "worker_processes 2;"), ("keepalive_time 5m;", "keepalive_time 5m; \(settings)"),
    ] {
      guard text.contains(shipped) else { throw Incomplete(missing: shipped) }
      text = text.replacing(shipped, with: own)
    }
    let path = try directory.write(text, to: "nginx.conf")
    try directory.write(FileText.read(identity.key) ?? "", to: "key", mode: 0o600)
    for file in [directory.path, directory.path("key")] { chown(file, Self.uid, Self.uid) }
    child = try ChildProcess(
      Person.words(Self.uid) + ["/usr/sbin/nginx", "-e", "stderr", "-c", path, "-g", "daemon off;"], in: directory)
    try eventually("nginx listens") {
      if let status = child.statusIfEnded { throw ProgramEnded(name: "nginx", status: status, errors: child.errors) }
      // Refused until it listens.
      return (try? StreamConnection(port: port)) != nil
    }
  }

  /// The authority of nginx's own certificate, which is for `localhost`.
  package var authorityPath: String { server.certificate }

  /// The numbers of its processes.
  package var processes: [Int32] {
    let workers = FileText.read("/proc/\(child.pid)/task/\(child.pid)/children") ?? ""
    return [child.pid] + workers.split(separator: " ").compactMap { Int32($0) }
  }

  /// What nginx has reported.
  package var errors: String { child.errors }

  /// The lines about hosts that weren't let in, which go to the journal.
  package var refusals: String { FileText.read(directory.path("refused")) ?? "" }

  /// Reads certificates and revocations again.
  package func reload() { child.signal(SIGHUP) }

  /// Words of curl(1) that make this request with a host's certificate.
  package func words(_ target: String, as identity: HostAuthority.Identity?) -> [String] {
    let certificate = identity.map { ["--cert", $0.certificate, "--key", $0.key] } ?? []
    return ["--noproxy", "*", "--cacert", server.certificate] + certificate + ["https://localhost:\(port)\(target)"]
  }

  /// What curl(1) gets with this certificate: the status, and the head and the body as they came.
  package func ask(
    _ target: String, as identity: HostAuthority.Identity?, _ options: [String] = []
  ) throws -> (status: Int, text: String) {
    let run = try ChildProcess.run(
      ["/usr/bin/curl", "--silent", "--include", "--write-out", "%{http_code}"] + words(target, as: identity) + options)
    return (Int(run.output.suffix(3)) ?? 0, String(run.output.dropLast(4)))
  }

  deinit { _ = child.stop() }
}

import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// Ways to STS that lead nowhere. The loop must not wait on any of them.
@Suite(.serialized) struct NetworkTests {
  /// A TCP socket on 127.0.0.1 that nobody accepts from.
  final class DeadEnd {
    let port: UInt16
    private let descriptor: CInt
    private var fillers: [CInt] = []

    /// With `isFull` the kernel lets nobody connect any more, as a firewall that drops; else connections open and are never answered.
    init(isFull: Bool) throws {
      let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
      self.descriptor = descriptor
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let bound = withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
      }
      guard bound == 0, listen(descriptor, isFull ? 0 : 64) == 0 else {
        throw StreamError(attempt: "listen", number: errno)
      }
      withUnsafeMutablePointer(to: &address) {
        _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
      }
      port = UInt16(bigEndian: address.sin_port)
      // A queue of length 0 takes one.
      guard isFull else { return }
      for _ in 0..<4 {
        let filler = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        fillers.append(filler)
        _ = withUnsafePointer(to: address) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(filler, $0, size) }
        }
      }
    }

    deinit { for one in [descriptor] + fillers { close(one) } }
  }

  @Test func `an address that swallows everything delays nobody at the socket`() throws {
    let hole = try DeadEnd(isFull: true)
    try serveWhile(endpoint: "127.0.0.1:\(hole.port)", leadsTo: ["ConnectTimeout"])
  }

  @Test func `a handshake that never ends delays nobody at the socket`() throws {
    let hole = try DeadEnd(isFull: false)
    try serveWhile(endpoint: "127.0.0.1:\(hole.port)", leadsTo: ["ConnectTimeout", "Timeout"])
  }

  @Test(.needs(.root)) func `a dead name server delays nobody at the socket`() throws {
    try PrivateMounts.run {
      let directory = try TemporaryDirectory()
      let address = NameServer.address(77)
      let resolver = try directory.write("nameserver \(address)\noptions timeout:5 attempts:3\n", to: "resolv.conf")
      try PrivateMounts.show(resolver, at: "/etc/resolv.conf")
      let server = try NameServer(at: address)
      server.isAlive = false
      try self.serveWhile(endpoint: "sts.rolekeeper.test", leadsTo: ["NameResolution", "ConnectTimeout", "Timeout"])
      #expect(server.ignored > 0)
    }
  }

  /// Reloads a daemon that has sessions with an endpoint that leads nowhere, lets every role be fetched from there, and reads meanwhile: each
  /// read is answered, many while all calls hang, none costs the daemon more than before, and it never sleeps over one.
  private func serveWhile(endpoint: String, leadsTo codes: [String]) throws {
    let roles = (1...8).map { "role\($0)" }
    // In memory like /run, so that no disk that others keep busy is waited for.
    let lab = try Lab(RealmDraft(lifetime: nil, roles: roles), in: "/dev/shm") { draft in
      draft.roles = roles.map { SettingsDraft.Role($0) }
      draft.sts += "\nconnect_timeout = \"5s\""
    }
    let daemon = try lab.start()
    for role in roles { #expect(try daemon.get("/v1/roles/\(role)/credentials").status == 200) }
    let quiet = LoopWatch(daemon)
    for _ in 0..<50 { for role in roles { #expect(try quiet.get("/v1/roles/\(role)/credentials").status == 200) } }
    lab.draft.endpoint = endpoint
    try lab.writeSettings()
    #expect(try daemon.post("/v1/reload").status == 200)
    for role in roles { #expect(try daemon.post("/v1/roles/\(role)/refresh").status == 202) }
    func allHang() throws -> Bool { try daemon.get("/metrics").body.contains("rolekeeper_sts_in_flight 8\n") }

    let watch = LoopWatch(daemon)
    var readsWhileAllHang = 0
    // From when all calls hang to when all have failed: what blocks, blocks at either end.
    while try !lab.report().roles.allSatisfy({ $0.lastError != nil }) {
      let begin = try allHang()
      for role in roles { #expect(try watch.get("/v1/roles/\(role)/credentials").status == 200) }
      if begin, try allHang() { readsWhileAllHang += roles.count }
    }
    #expect(readsWhileAllHang >= 100)
    #expect(watch.longestRest < LoopWatch.bound, "once blocked is blocked for all")
    // By its own time, that is whatever else the machine does: what costs a reader time is rare, and never much.
    #expect(watch.usualCost < 2 * quiet.middleCost + 1_000_000, "\(watch.usualCost) ns, before \(quiet.middleCost) ns")
    #expect(watch.highestCost < 20_000_000, "\(watch.highestCost) ns")
    for role in try lab.report().roles {
      #expect(role.lastError.map { codes.contains($0.code) } == true, "\(String(describing: role.lastError))")
    }
    #expect(watch.stop() == 0)
    #expect(watch.longestRest < LoopWatch.bound, "not even the end waits for it")
    print(
      """
      \(watch.reads) reads, \(readsWhileAllHang) of them while all calls hung; at rest for \(watch.longestRest) looks; ran \(watch.usualCost) ns \
      for 99 % of the reads, half of them before \(quiet.middleCost) ns, at most \(watch.highestCost) ns
      """)
  }
}

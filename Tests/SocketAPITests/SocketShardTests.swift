import Core
import Fleet
import Logs
import Refresh
import RefreshBench
import Settings
import TestSupport
import Testing

@testable import SocketAPI

/// Other hosts that are divided into shards (`session_per = "shard"`).
@Suite struct SocketShardTests {
  private static let proxy = Peer(uid: 33, gid: 33, pid: 75, groups: [])
  /// In different shards of two, and a third that is in one with the first.
  private static let hosts = (0..<12).map { "web\($0).prod.example" }
  private static let certificates = hosts.map { try? HostCertificate.make("/CN=\($0)") }

  private let bench: SocketBench
  private let role: ManagedRole

  init() throws {
    bench = try SocketBench()
    bench.service.access = AccessPolicy(ownUID: 990, admins: AccessRule(), proxyUID: Self.proxy.uid)
    var settings = SocketBench.settings("a")
    settings.sessionName = .standardWithShard
    settings.readers = AccessRule(uids: [1000], hosts: [HostPattern("*.prod.example")!])
    settings.derivation = Derivation(DerivedSettings(shards: 2))
    bench.refresher.add(settings)
    bench.refresh.grantAll()
    role = bench.refresher.roles[settings.name]!
  }

  private func ask(_ number: Int, _ request: String = "GET /v1/bundle") -> Exchange {
    let certificate = Self.certificates[number].map(HostCertificate.escaped) ?? ""
    return bench.ask(request, Self.proxy, fields: "Rolekeeper-Client-Certificate: \(certificate)\r\n")
  }

  private func read(_ number: Int) -> Exchange {
    let exchange = ask(number)
    bench.refresh.grantAll()
    bench.scheduler.settle()
    return exchange
  }

  private func id(in exchange: Exchange) -> String? {
    exchange.reply?.body.firstMatch(of: /"access_key_id":"([^"]+)"/).map { String($0.output.1) }
  }

  private var shards: Set<Int?> { Set(role.derivedSessions?.members.keys.map(\.shard) ?? []) }

  @Test func `hosts of a shard share its sessions, which are nobody else's, and the names have its number`() throws {
    let all = Self.hosts.indices.map { id(in: read($0)) }
    #expect(Set(all).count == 2 && !all.contains(nil) && !all.contains("STS.1"))
    #expect(shards == [0, 1])
    let names = try bench.cloud.orders.map {
      try $0.order.role.sessionName.expand(host: "tier1", role: role.name, slot: "0")
    }
    #expect(names[0] == "tier1-a-0" && Set(names.dropFirst()) == ["tier1-a-s0", "tier1-a-s1"])
    #expect(bench.read("a").reply?.accessKeyID == "STS.1")
  }

  @Test func `the first request of a shard waits for the fetch, and gets the problem if that fails`() throws {
    let waiting = ask(0)
    bench.scheduler.settle()
    #expect(waiting.isOpen)
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    bench.scheduler.settle()
    #expect(waiting.status == 503, "it has no other role")
    let session = try #require(role.derivedSessions?.members.values.first)
    #expect(session.logFields.contains(.shard(try #require(session.key.shard))), "its lines name it")
    let again = ask(0)
    #expect(again.status == 503, "the next attempt isn't due yet")
  }

  @Test func `a shard has as many sessions as the pool, the newest of which its hosts get`() throws {
    let first = id(in: read(0))
    let session = try #require(role.derivedSessions?.members.values.first)
    for _ in 0..<2 {
      bench.advance(.minutes(1))
      bench.refresher.send(.refreshRequested, to: session)
      bench.refresh.grantAll()
    }
    #expect(id(in: read(0)) != first && session.machine.pooled.count == 2)
  }

  @Test func `a shard whose hosts don't ask any more is dropped`() {
    _ = read(0)
    bench.advance(.hours(3))
    #expect(shards.isEmpty)
  }

  @Test func `a condemned session of a shard ends the waits of its hosts alone`() throws {
    let (mine, other) = try #require(
      Self.hosts.indices.dropFirst().first { id(in: read($0)) != id(in: read(0)) }.map { (0, $0) })
    func wait(_ number: Int) throws -> Exchange {
      let certificate = HostCertificate.escaped(try #require(Self.certificates[number]))
      let tag = try #require(ask(number).reply?.field("ETag"))
      return bench.ask(
        "GET /v1/bundle?wait=60", Self.proxy,
        fields: "Rolekeeper-Client-Certificate: \(certificate)\r\nIf-None-Match: \(tag)\r\n")
    }
    let (waiting, undisturbed) = (try wait(mine), try wait(other))
    let dead = try #require(id(in: ask(mine)))
    let session = try #require(
      role.derivedSessions?.members.values.first { $0.serving(at: bench.scheduler.time)?.accessKeyID == dead })
    #expect(ask(other, "POST /v1/roles/a/report?access_key_id=\(dead)").status == 404, "it is another shard's")
    #expect(bench.ask("POST /v1/roles/a/report?access_key_id=\(dead)").status == 404, "and no local reader's")
    #expect(ask(mine, "POST /v1/roles/a/report?access_key_id=\(dead)").isOpen)
    bench.refresher.send(.condemned(try #require(session.serving(at: bench.scheduler.time)).id), to: session)
    bench.advance(.seconds(1))
    bench.refresh.grantAll()
    bench.scheduler.settle()
    #expect(waiting.status == 200 && id(in: waiting) != dead && undisturbed.isOpen)
  }

  @Test func `what becomes of shards is no event of the role`() {
    let events = bench.ask("GET /v1/events")
    _ = read(0)
    bench.advance(.minutes(1))
    #expect(events.events.isEmpty && events.snapshot.count == 1)
  }

  @Test func `after a reload without shards hosts have the role's own session`() {
    _ = read(0)
    var settings = role.settings
    (settings.derivation, settings.sessionName) = (.none, .standard)
    bench.change(role, to: settings)
    #expect(id(in: read(0)) == "STS.1" && shards.isEmpty)
  }
}

import Core
import Fleet
import HTTPServer
import JSON
import Refresh
import RefreshBench
import Settings
import TestSupport
import Testing
import Wire

@testable import SocketAPI

/// Other hosts, whose requests come through the trusted proxy.
@Suite struct SocketFleetTests {
  private static let proxy = Peer(uid: 33, gid: 33, pid: 75, groups: [7])
  private static let web = try? HostCertificate.make("/O=Example", "DNS:web7.prod.example")
  private static let database = try? HostCertificate.make("/CN=db1.prod.example")
  private static let stranger = try? HostCertificate.make("/CN=web7.test.example")

  private let bench: SocketBench
  private let backup: ManagedRole
  private let uploader: ManagedRole

  init() throws {
    bench = try SocketBench()
    bench.service.access = AccessPolicy(ownUID: 990, admins: AccessRule(uids: [50]), proxyUID: Self.proxy.uid)
    bench.service.tier = "tier1"
    backup = Self.add("backup", "*.prod.example", to: bench)
    uploader = Self.add("uploader", "web*.prod.example", to: bench)
    _ = Self.add("others", "nobody.example", to: bench)
  }

  private static func add(_ name: String, _ hosts: String, to bench: SocketBench) -> ManagedRole {
    var settings = SocketBench.settings(name)
    settings.readers = AccessRule(uids: [1000], gids: [7], hosts: [HostPattern(hosts)!])
    bench.refresher.add(settings)
    return bench.refresher.roles[settings.name]!
  }

  private func line(_ pem: String?) -> String {
    "Rolekeeper-Client-Certificate: \(pem.map(HostCertificate.escaped) ?? "")\r\n"
  }

  /// A request of a host, as nginx passes it on.
  private func ask(_ request: String, _ pem: String?, tag: String? = nil) -> Exchange {
    bench.ask(request, Self.proxy, fields: line(pem) + (tag.map { "If-None-Match: \($0)\r\n" } ?? ""))
  }

  private func bundle(_ pem: String? = Self.web, _ query: String = "", tag: String? = nil) -> Exchange {
    ask("GET /v1/bundle\(query)", pem, tag: tag)
  }

  private struct Document {
    var members: [String: String] = [:]
    var roles: [String: [String: String]] = [:]
    /// The roles' names in their order.
    var order: [String] = []

    init(_ reply: Reply?) throws {
      let bytes = Array(try #require(reply).body.utf8)
      #expect(bytes.last == UInt8(ascii: "\n"))
      let document = try JSONDocument(bytes.span)
      members = Self.texts(document.root)
      document.root["roles"]?.forEachMember { (key: borrowing JSONValue, value: borrowing JSONValue) in
        let name = key.string() ?? ""
        order.append(name)
        if let error = value["error"] { roles[name] = Self.texts(error) } else { roles[name] = Self.texts(value) }
      }
    }

    /// The members that are strings or whole numbers.
    private static func texts(_ value: borrowing JSONValue) -> [String: String] {
      var texts: [String: String] = [:]
      value.forEachMember { (key: borrowing JSONValue, value: borrowing JSONValue) in
        texts[key.string() ?? ""] = value.string() ?? value.int.map { "\($0)" }
      }
      return texts
    }
  }

  // MARK: - Who may ask

  @Test(arguments: [SocketBench.reader, SocketBench.admin, Peer(uid: 0, gid: 0, pid: 9, groups: [])])
  func `a certificate from anybody but the proxy is refused, root included, and logged with the uid`(_ peer: Peer) {
    bench.refresh.grantAll()
    for path in ["/v1/bundle", "/v1/roles/uploader/credentials", "/healthz"] {
      let answer = bench.ask("GET \(path)", peer, fields: line(Self.web))
      #expect(answer.status == 403 && answer.problem?.detail.contains("counts only from the user in") == true)
    }
    #expect(bench.ask("GET /healthz", peer, fields: line(nil)).status == 403, "an empty one, too")
    bench.advance(.seconds(1))
    let lines = bench.lines.all.filter { $0.contains("request refused") }
    #expect(lines.count == 1 && lines[0].contains("client certificate from another user than trusted_proxy"))
    #expect(lines[0].contains("uid=\(peer.uid)"))
  }

  @Test func `without a certificate the proxy gets nothing, whatever its groups may read`() {
    bench.refresh.grantAll()
    for path in ["/v1/bundle", "/v1/roles", "/v1/roles/uploader/credentials", "/healthz", "/metrics", "/x"] {
      #expect(bench.ask("GET \(path)", Self.proxy).status == 403, "\(path)")
    }
    bench.advance(.seconds(1))
    #expect(bench.lines.all.contains { $0.contains("without a client certificate") && $0.contains("uid=33") })
  }

  @Test func `the note of an earlier request doesn't let the proxy read`() {
    bench.refresh.grantAll()
    bench.read("uploader")
    let note = bench.sink.latestNote
    #expect(note != nil)
    #expect(bench.ask("GET /v1/roles/uploader/credentials", Self.proxy, note: note).status == 403)
  }

  @Test func `a host reaches its bundle, reports and the health, and nothing else`() {
    bench.refresh.grantAll()
    for path in [
      "/v1/roles", "/v1/roles/uploader", "/v1/roles/uploader/credentials", "/v1/events", "/v1/status", "/metrics",
    ] {
      let answer = ask("GET \(path)", Self.web)
      #expect(answer.status == 404 && answer.problem?.detail.contains("paths for other hosts are /v1/bundle") == true)
    }
    #expect(ask("POST /v1/reload", Self.web).status == 404 && bench.backend.reloads.isEmpty)
    let health = ask("GET /healthz", Self.web)
    bench.scheduler.settle()
    #expect(health.status == 200)
    #expect(bundle(Self.web, "?wait=61").status == 400 && bundle(Self.web, "?role=x").status == 400)
    #expect(ask("POST /v1/bundle", Self.web).status == 405)
  }

  @Test func `a bundle is for other hosts only`() {
    bench.refresh.grantAll()
    for peer in [SocketBench.reader, SocketBench.admin] {
      #expect(bench.ask("GET /v1/bundle", peer).status == 403)
    }
  }

  @Test func `a host without a role, and a certificate that can't be read, are refused with the reason`() {
    bench.refresh.grantAll()
    let refused = bundle(Self.stranger)
    #expect(refused.status == 403 && refused.problem?.detail.contains("host 'web7.test.example'") == true)
    #expect(bundle("nonsense").status == 403)
    bench.advance(.seconds(1))
    #expect(bench.lines.all.contains { $0.contains("request refused") && $0.contains("host=web7.test.example") })
    #expect(bench.lines.all.contains { $0.contains("request refused") && $0.contains("isn't one certificate") })
  }

  // MARK: - The bundle

  @Test func `a bundle has exactly the host's roles, in order, with all that the host needs to know`() throws {
    bench.refresh.grantAll()
    let reply = try #require(bundle().reply)
    #expect(reply.status == 200 && reply.field("Content-Type") == "application/json")
    #expect(reply.field("Cache-Control") == "no-store" && reply.field("Content-Length") == "\(reply.body.utf8.count)")
    let document = try Document(reply)
    #expect(document.order == ["backup", "uploader"])
    #expect(document.members["host"] == "web7.prod.example" && document.members["tier"] == "tier1")
    #expect(document.members["refresh_after"] == reply.field("Rolekeeper-Refresh-After"))
    let session = try #require(uploader.current?.session)
    #expect(
      document.roles["uploader"] == [
        "access_key_id": session.accessKeyID, "access_key_secret": "secret2", "security_token": "token2",
        "expiration": session.expiration.description, "last_updated": session.issued.description, "generation": "1",
        "shortest_life": "2609", "role_arn": "acs:ram::1:role/uploader",
      ])
    #expect(try Document(bundle(Self.database).reply).order == ["backup"])
  }

  @Test func `hosts with the same roles share what is rendered, but not their names and their times`() throws {
    bench.refresh.grantAll()
    let other = try HostCertificate.make("/CN=web8.prod.example")
    let (mine, its) = (try #require(bundle().reply), try #require(bundle(other).reply))
    #expect(mine.field("ETag") == its.field("ETag") && its.body.contains(#""host":"web8.prod.example""#))
    #expect(mine.field("Rolekeeper-Refresh-After") != its.field("Rolekeeper-Refresh-After"))
    for reply in [mine, its] {
      let after = try #require(Int(reply.field("Rolekeeper-Refresh-After") ?? ""))
      #expect((75...94).contains(after), "84 s, ±10 %")
    }
  }

  @Test func `hosts ask sooner for sessions that live shorter than was asked for`() throws {
    for call in bench.cloud.waiting { bench.refresh.grant(call, life: .minutes(10)) }
    let after = try #require(Int(bundle().reply?.field("Rolekeeper-Refresh-After") ?? ""))
    #expect((12...16).contains(after), "a sixth of 84 s, ±10 %")
  }

  @Test func `a host that has the bundle gets 304, and by a rotation another tag, never by time`() throws {
    bench.refresh.grantAll()
    let tag = try #require(bundle().reply?.field("ETag"))
    let same = bundle(tag: tag)
    #expect(same.status == 304 && same.reply?.body == "" && same.reply?.field("ETag") == tag)
    #expect(same.reply?.field("Rolekeeper-Refresh-After") != nil && same.reply?.field("Content-Length") == nil)
    #expect(bundle(tag: "W/\(tag), \"x\"").status == 304 && bundle(tag: "*").status == 304)
    #expect(bundle(tag: "\"x\"").status == 200)
    bench.advance(.minutes(5))
    #expect(bundle(tag: tag).status == 304)
    bench.refresher.send(.refreshRequested, to: uploader)
    bench.refresh.grantAll()
    let next = bundle(tag: tag)
    #expect(next.status == 200 && next.reply?.field("ETag") != tag)
    #expect(next.reply?.body.contains(try #require(uploader.current?.session.accessKeyID)) == true)
  }

  @Test func `a role without a session has its error in the bundle, and without any the answer is 503`() throws {
    #expect(bundle().status == 503 && bundle().reply?.field("Retry-After") != nil)
    // The host's log has it, and so says why.
    #expect(bundle().problem?.detail.contains("; role 'backup': ") == true, "\(bundle().problem?.detail ?? "")")
    bench.refresh.grant(bench.cloud.waiting[0])
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    let document = try Document(bundle().reply)
    #expect(document.roles["backup"]?["access_key_secret"] == "secret1")
    #expect(document.roles["uploader"]?["code"] == "NoPermission")
    #expect(document.roles["uploader"]?["message"]?.contains("NoPermission: look") == true)
    #expect((Int(document.roles["uploader"]?["retry_after"] ?? "") ?? 0) >= 1)
  }

  @Test func `an expired session is in no bundle`() throws {
    bench.refresh.grantAll()
    _ = bundle()
    bench.scheduler.time = bench.scheduler.time + .minutes(61)
    #expect(bundle().status == 503)
  }

  @Test func `HEAD hands out nothing, and says what GET would`() throws {
    bench.refresh.grantAll()
    let head = ask("HEAD /v1/bundle", Self.web)
    #expect(head.status == 200 && head.reply?.field("ETag") != nil)
    #expect(!bench.lines.all.contains { $0.contains("credential handed out") })
  }

  // MARK: - Waiting

  @Test func `a wait ends when a session of the bundle was condemned and another is there`() throws {
    bench.refresh.grantAll()
    let tag = try #require(bundle().reply?.field("ETag"))
    let waiting = bundle(Self.web, "?wait=60", tag: tag)
    let database = try #require(bundle(Self.database).reply?.field("ETag"))
    let other = bundle(Self.database, "?wait=60", tag: database)
    bench.scheduler.settle()
    #expect(waiting.isOpen)
    bench.refresher.send(.condemned(try #require(uploader.current?.session.id)), to: uploader)
    bench.scheduler.settle()
    #expect(waiting.isOpen, "there is no standby yet")
    bench.advance(.seconds(1))
    bench.refresh.grantAll()
    bench.scheduler.settle()
    #expect(waiting.status == 200 && waiting.reply?.field("ETag") != tag)
    #expect(other.isOpen, "its bundle is as it was")
  }

  @Test func `a standby ends the wait at once`() throws {
    bench.refresh.grantAll()
    bench.advance(.minutes(1))
    bench.refresher.send(.refreshRequested, to: uploader)
    bench.refresh.grantAll()
    let tag = try #require(bundle().reply?.field("ETag"))
    let waiting = bundle(Self.web, "?wait=60", tag: tag)
    bench.refresher.send(.condemned(try #require(uploader.current?.session.id)), to: uploader)
    bench.scheduler.settle()
    #expect(waiting.status == 200)
  }

  @Test func `a rotation doesn't end the wait, and what there is by its end is the answer`() throws {
    bench.refresh.grantAll()
    let tag = try #require(bundle().reply?.field("ETag"))
    let (rotated, quiet) = (bundle(Self.web, "?wait=30", tag: tag), bundle(Self.web, "?wait=5", tag: tag))
    bench.advance(.seconds(6))
    #expect(quiet.status == 304 && rotated.isOpen)
    bench.refresher.send(.refreshRequested, to: uploader)
    bench.refresh.grantAll()
    bench.scheduler.settle()
    #expect(rotated.isOpen)
    bench.advance(.seconds(25))
    #expect(rotated.status == 200)
  }

  @Test func `a host without any session waits for the first`() {
    let waiting = bundle(Self.web, "?wait=60")
    bench.scheduler.settle()
    #expect(waiting.isOpen)
    bench.refresh.grantAll()
    bench.scheduler.settle()
    #expect(waiting.status == 200)
  }

  @Test func `an older bundle isn't waited with`() {
    bench.refresh.grantAll()
    #expect(bundle(Self.web, "?wait=60", tag: "\"old\"").status == 200)
    #expect(bundle(Self.web, "?wait=60").status == 200)
  }

  @Test func `many that wait are answered some at a time, and those that left not at all`() throws {
    bench.refresh.grantAll()
    let tag = try #require(bundle().reply?.field("ETag"))
    let hosts = try (0..<13).map { try HostCertificate.make("/CN=web\($0).prod.example") }
    let all = hosts.flatMap { host in (0..<BundleService.mostWaits).map { _ in bundle(host, "?wait=60", tag: tag) } }
    bench.service.abandoned(all[0].token)
    bench.refresher.send(.condemned(try #require(uploader.current?.session.id)), to: uploader)
    bench.advance(.seconds(1))
    bench.refresh.grantAll()
    bench.scheduler.turn()
    #expect(all.count { !$0.isOpen } == 64)
    bench.scheduler.settle()
    #expect(all.dropFirst().allSatisfy { $0.status == 200 } && all[0].isOpen)
  }

  /// A stolen certificate took all of a tier's connections.
  @Test func `a host of which many requests wait is answered at once, and named in the log`() throws {
    bench.refresh.grantAll()
    let tag = try #require(bundle().reply?.field("ETag"))
    let waiting = (0..<BundleService.mostWaits).map { _ in bundle(Self.web, "?wait=60", tag: tag) }
    #expect(bundle(Self.web, "?wait=60", tag: tag).status == 304 && waiting.allSatisfy(\.isOpen))
    bench.scheduler.settle()
    let name = "host=web7.prod.example"
    #expect(
      bench.lines.all.contains { $0.contains("request refused") && $0.contains(name) && $0.contains("wait already") })
    let others = bundle(Self.database).reply?.field("ETag")
    #expect(bundle(Self.database, "?wait=60", tag: others).isOpen)
    bench.service.abandoned(waiting[0].token)
    #expect(bundle(Self.web, "?wait=60", tag: tag).isOpen)
    bench.advance(.seconds(61))
    #expect(bundle(Self.web, "?wait=60", tag: tag).isOpen, "their waits are over")
  }

  @Test func `a role for which a host waits is fetched before others`() {
    bench.refresh.grantAll()
    bench.refresher.setRate(1, burst: 1)
    for name in ["k1", "k2", "k3", "zz"] { _ = Self.add(name, name == "zz" ? "db1.prod.example" : "x", to: bench) }
    let host = bundle(try? HostCertificate.make("/CN=zz.example"), "?wait=60")
    #expect(host.status == 403, "no role names it")
    _ = Self.add("zzz", "zz.example", to: bench)
    bench.service.settingsChanged()
    let waiting = bundle(try? HostCertificate.make("/CN=zz.example"), "?wait=60")
    for _ in 0..<3 where waiting.isOpen {
      bench.advance(.seconds(1))
      bench.refresh.grantAll()
      bench.scheduler.settle()
    }
    #expect(waiting.status == 200)
  }

  @Test func `after a reload nobody gets what it may not read any more`() throws {
    bench.refresh.grantAll()
    let tag = try #require(bundle().reply?.field("ETag"))
    let waiting = bundle(Self.web, "?wait=60", tag: tag)
    var settings = uploader.settings
    settings.readers = AccessRule(hosts: [HostPattern("db*.prod.example")!])
    bench.change(uploader, to: settings)
    bench.scheduler.settle()
    #expect(waiting.status == 304 && waiting.reply?.body == "")
    #expect(try Document(bundle(tag: tag).reply).order == ["backup"])
    #expect(try Document(bundle(Self.database).reply).order == ["backup", "uploader"])
  }

  @Test func `at the daemon's end waits end, too`() throws {
    bench.refresh.grantAll()
    let tag = try #require(bundle().reply?.field("ETag"))
    let waiting = bundle(Self.web, "?wait=60", tag: tag)
    bench.service.endWaiting()
    #expect(waiting.status == 503 && waiting.problem?.kind == .stopping)
  }

  // MARK: - Reports and the record

  @Test func `a host reports sessions of its roles, and learns nothing of others`() throws {
    bench.refresh.grantAll()
    let report = ask("POST /v1/roles/uploader/report?access_key_id=STS.2", Self.web)
    #expect(report.isOpen && bench.cloud.checks.map(\.accessKeyID) == ["STS.2"])
    #expect(ask("POST /v1/roles/uploader/report?access_key_id=STS.9", Self.web).status == 404)
    #expect(ask("POST /v1/roles/uploader/report?access_key_id=STS.2&scope=x", Self.web).status == 400)
    let foreign = ask("POST /v1/roles/uploader/report?access_key_id=STS.2", Self.database)
    let missing = ask("POST /v1/roles/uploadex/report?access_key_id=STS.2", Self.database)
    #expect(foreign.status == 403 && missing.status == 403)
    #expect(
      foreign.problem?.detail.replacing("uploader", with: "X")
        == missing.problem?.detail.replacing("uploadex", with: "X"))
  }

  @Test func `each session's first hand-out to a host is logged with the host's name`() throws {
    bench.refresh.grantAll()
    for _ in 0..<3 { _ = bundle() }
    func lines() -> [String] { bench.lines.all.filter { $0.contains("credential handed out") } }
    #expect(lines().count == 2)
    for text in ["host=web7.prod.example", "via=bundle", "access_key_id=STS."] {
      #expect(lines().allSatisfy { $0.contains(text) })
    }
    bench.advance(.minutes(1))
    bench.refresher.send(.refreshRequested, to: uploader)
    bench.refresh.grantAll()
    _ = bundle()
    #expect(lines().count == 3 && lines().last?.contains("role=uploader") == true)
    _ = bundle(Self.database)
    #expect(lines().count == 4 && lines().last?.contains("host=db1.prod.example") == true)
    // A reload at a hundred thousand hosts would write a million lines.
    bench.service.settingsChanged()
    for host in [Self.web, Self.database] { _ = bundle(host) }
    #expect(lines().count == 4)
    #expect(uploader.handouts.count(of: Self.proxy.uid) == 5)
  }

  // MARK: - Figures

  private func metrics() -> [Substring] {
    let exchange = bench.ask("GET /metrics", SocketBench.admin)
    bench.scheduler.settle()
    return exchange.reply?.body.split(separator: "\n") ?? []
  }

  private func status() -> FleetStatus? { bench.service.fleetStatus(connections: 3, of: 100) }

  /// Whether it serves, and how many, couldn't be seen anywhere.
  @Test func `the hosts that asked of late are counted, and those that wait or are refused`() throws {
    #expect(status()?.text.hasPrefix("0 hosts in the last 10 min, 0 waiting, 0 refused; proxy with uid 33 not") == true)
    bench.refresh.grantAll()
    let tag = try #require(bundle().reply?.field("ETag"))
    _ = bundle(Self.database)
    _ = bundle(Self.stranger)
    _ = bundle(Self.stranger)
    _ = bundle(Self.web, "?wait=30", tag: tag)
    let fleet = try #require(status())
    #expect(fleet.hosts == 2 && fleet.refused == 1 && fleet.waiting == 1 && fleet.proxySeenAgo == .zero)
    #expect(fleet.connections == 3 && fleet.mostConnections == 100 && fleet.refusedConnections == 0)
    bench.advance(.minutes(9))
    _ = bundle()
    bench.advance(.minutes(3))
    #expect(status()?.hosts == 1 && status()?.refused == 0 && status()?.proxySeenAgo == .minutes(3))
    bench.service.access = SocketBench.access
    #expect(status() == nil, "it serves no other hosts")
  }

  @Test func `the metrics have how many hosts asked, and what they got, without their names`() throws {
    _ = bundle()
    bench.refresh.grantAll()
    let tag = try #require(bundle().reply?.field("ETag"))
    _ = bundle(tag: tag)
    _ = bundle(Self.stranger)
    _ = bundle("nonsense")
    _ = bench.ask("GET /v1/bundle", Self.proxy)
    _ = bench.ask("GET /v1/bundle", SocketBench.reader, fields: line(Self.web))
    let lines = metrics()
    for sample in [
      #"rolekeeper_fleet_hosts{state="served"} 1"#, #"rolekeeper_fleet_hosts{state="refused"} 1"#,
      "rolekeeper_fleet_waiting 0", #"rolekeeper_fleet_answers_total{result="bundle"} 1"#,
      #"rolekeeper_fleet_answers_total{result="unchanged"} 1"#,
      #"rolekeeper_fleet_answers_total{result="no_session"} 1"#,
      #"rolekeeper_fleet_refusals_total{reason="no_role"} 1"#,
      #"rolekeeper_fleet_refusals_total{reason="certificate"} 1"#,
      #"rolekeeper_fleet_refusals_total{reason="no_certificate"} 1"#,
      #"rolekeeper_fleet_refusals_total{reason="not_proxy"} 1"#,
    ] { #expect(lines.contains { $0 == sample }, "\(sample)") }
    #expect(lines.contains { $0.hasPrefix("rolekeeper_fleet_proxy_seen_timestamp_seconds 1") })
    #expect(!lines.contains { $0.contains("prod.example") })
    bench.service.access = SocketBench.access
    #expect(!metrics().contains { $0.hasPrefix("rolekeeper_fleet") }, "it serves no other hosts")
  }

  @Test func `a shortage of connections begins once, and is over a minute after the last refusal`() {
    var calls = 0
    bench.service.connectionsRanOut = { calls += 1 }
    bench.service.refused(Self.proxy, .userConnections)
    #expect(calls == 0 && bench.service.refusedConnections == 0)
    for _ in 0..<3 {
      bench.service.refused(Self.proxy, .connections)
      bench.advance(.seconds(40))
    }
    #expect(calls == 1 && bench.service.refusedConnections == 3 && status()?.refusedConnections == 3)
    bench.advance(.seconds(20))
    #expect(bench.service.refusedConnections == 0)
    bench.service.refused(Self.proxy, .connections)
    #expect(calls == 2 && bench.service.refusedConnections == 1)
  }
}

import HTTPClient
import Systemd
import TestSupport
import Testing

@testable import Emulator

/// The service behind its sockets.
@Suite struct STSEmulatorTests {
  @Test func `a session is issued and used over verified TLS`() throws {
    let bench = try EmulatorBench()
    let answer = try bench.send("AssumeRole", to: "uploader")
    #expect(answer.status == 200)
    let key = try #require(answer.key)
    #expect(try bench.send("GetCallerIdentity", as: key).body?.text("IdentityType") == "AssumedRoleUser")
    #expect(bench.emulator.callCounts.count(result: "OK") == 2)
  }

  @Test func `a client that trusts another CA doesn't connect`() throws {
    let bench = try EmulatorBench()
    let other = try EmulatorBench()
    let answer = try bench.send("GetCallerIdentity", port: other.emulator.port)
    #expect(answer.failure?.kind == .tlsVerification)
    #expect(other.emulator.callCounts.total == 0)
  }

  @Test func `an answer breaks off in the middle`() throws {
    let bench = try EmulatorBench()
    bench.emulator.add(Fault(.drop, count: 1))
    #expect(try bench.send("AssumeRole", to: "uploader").failure?.kind == .cut)
    #expect(try bench.send("AssumeRole", to: "uploader").status == 200)
  }

  @Test func `a connection is closed instead of an answer`() throws {
    let bench = try EmulatorBench()
    bench.emulator.add(Fault(.refuse))
    #expect(try bench.send("AssumeRole", to: "uploader").failure?.kind == .noAnswer)
    bench.emulator.clearFaults()
    #expect(try bench.send("AssumeRole", to: "uploader").status == 200)
  }

  @Test func `a connection is closed before its handshake`() throws {
    let bench = try EmulatorBench()
    bench.emulator.add(Fault(.unreachable))
    #expect(try bench.send("AssumeRole", to: "uploader").failure != nil)
    #expect(bench.emulator.callCounts.total == 0)
    bench.emulator.clearFaults()
    #expect(try bench.send("AssumeRole", to: "uploader").status == 200)
  }

  @Test(arguments: CertificateFlaw.allCases)
  func `new connections get another certificate while a fault asks for it`(_ flaw: CertificateFlaw) throws {
    let bench = try EmulatorBench()
    #expect(try bench.send("GetCallerIdentity").status == 200)
    bench.emulator.add(Fault(.certificate(flaw)))
    #expect(try bench.send("GetCallerIdentity").status == 200, "the kept connection has had its handshake")
    bench.emulator.add(Fault(.refuse, count: 1))
    #expect(try bench.send("GetCallerIdentity").failure?.kind == .tlsVerification)
    #expect(try bench.send("GetCallerIdentity").failure?.kind == .tlsVerification)
    bench.emulator.clearFaults()
    #expect(try bench.send("GetCallerIdentity").status == 200)
  }

  struct RawCase: Sendable, CustomTestStringConvertible {
    let form: Fault.Garbage
    let failures: Set<TransportFailure.Kind>

    var testDescription: String { form.rawValue }
  }

  @Test(arguments: [
    RawCase(form: .http, failures: [.protocolViolation]),
    RawCase(form: .tls, failures: [.noAnswer]),
  ])
  func `bytes that are neither HTTP nor TLS come instead of an answer`(_ row: RawCase) throws {
    let bench = try EmulatorBench()
    bench.emulator.add(Fault(.garbage(row.form), count: 1))
    let failure = try #require(try bench.send("AssumeRole", to: "uploader").failure)
    #expect(row.failures.contains(failure.kind), "\(failure.kind): \(failure)")
    #expect(try bench.send("AssumeRole", to: "uploader").status == 200)
  }

  @Test func `an answer sent byte by byte is whole in the end, and delays nobody`() throws {
    let bench = try EmulatorBench()
    bench.emulator.add(Fault(.dribble(milliseconds: 600), role: "long", count: 1))
    let start = ContinuousClock.now
    let late = try bench.start("AssumeRole", to: "long")
    try bench.turn { late.answer != nil }
    #expect(ContinuousClock.now - start > .milliseconds(550))
    #expect(late.answer?.key != nil)
    // A body that takes ten minutes is certainly under way while another request is answered.
    bench.emulator.add(Fault(.dribble(milliseconds: 600_000), role: "long"))
    let endless = try bench.start("AssumeRole", to: "long")
    try bench.turn { bench.emulator.callCounts.count(role: "long") == 2 }
    #expect(try bench.send("AssumeRole", to: "uploader").status == 200)
    #expect(endless.answer == nil)
    bench.emulator.stop()
    try bench.turn { endless.answer != nil }
  }

  @Test func `a padded answer is larger than a client's limit`() throws {
    let bench = try EmulatorBench()
    bench.emulator.add(Fault(.oversize(bytes: 1 << 20), count: 1))
    #expect(try bench.send("AssumeRole", to: "uploader").failure?.kind == .bodyTooLarge)
  }

  @Test func `status, Date and requested wait arrive as the fault sets them`() throws {
    let bench = try EmulatorBench()
    bench.emulator.clock.freeze(at: TestCloud.start)
    bench.emulator.add(Fault(.error(.unavailable, retryAfterMilliseconds: 1500), count: 1))
    bench.emulator.add(Fault(.date(offsetSeconds: 60), count: 1))
    let head = try bench.send("AssumeRole", to: "uploader").head
    #expect(head == HTTPAnswer(status: 503, date: "Fri, 02 Jan 2026 03:01:00 GMT", retryAfter: "1500"))
  }

  @Test func `a delayed answer delays neither others nor the stop`() throws {
    let bench = try EmulatorBench()
    bench.emulator.add(Fault(.delay(milliseconds: 600_000), role: "long"))
    let late = try bench.start("AssumeRole", to: "long")
    repeat {
      #expect(try bench.send("AssumeRole", to: "uploader").status == 200)
    } while bench.emulator.callCounts.count(role: "long") == 0
    #expect(late.answer == nil)
    bench.emulator.stop()
    try bench.turn { late.answer != nil }
  }

  @Test func `garbage from one client affects no other`() throws {
    let bench = try EmulatorBench()
    let garbage = [
      [], Array("GET / HTTP/1.1\r\n\r\n".utf8), [UInt8](repeating: 0, count: 70_000),
      [UInt8](repeating: 0xff, count: 5), [0x16, 0x03, 0x01, 0xff, 0xff] + [UInt8](repeating: 1, count: 4000),
    ]
    var held: [PlainConnection] = []
    for bytes in garbage {
      for _ in 0..<20 {
        let connection = try PlainConnection(port: bench.emulator.port)
        connection.write(bytes)
        held.append(connection)
      }
    }
    #expect(try bench.send("AssumeRole", to: "uploader").status == 200)
    held.removeAll()
    #expect(try bench.send("AssumeRole", to: "uploader").status == 200)
  }

  @Test func `an address in use is an error that names it`() throws {
    let first = try STSEmulator(AccountModel())
    var options = STSEmulator.Options()
    options.port = first.port
    let error = try #require(throws: ListenError.self) { try STSEmulator(AccountModel(), options: options) }
    #expect(error.description == "cannot listen on 127.0.0.1:\(first.port): Address already in use")
    options.address = "localhost"
    #expect(throws: ListenError.self) { try STSEmulator(AccountModel(), options: options) }
  }
}

/// The control endpoint, in plain HTTP.
@Suite struct ControlAPITests {
  @Test func `faults are set, listed and cleared`() throws {
    let bench = try EmulatorBench()
    #expect(try bench.control("POST", "/faults?kind=delay&milliseconds=5&role=uploader&count=2") == #"{"id":1}"#)
    #expect(try bench.control("POST", "/faults", body: "kind=throttle&retry_after_ms=9") == #"{"id":2}"#)
    #expect(
      try bench.control("GET", "/faults")
        == #"{"faults":[{"id":1,"kind":"delay","role":"uploader","count":2},{"id":2,"kind":"throttle"}]}"#)
    #expect(try bench.control("DELETE", "/faults/1") == #"{"ok":true}"#)
    #expect(try bench.control("DELETE", "/faults/1") == #"{"problem":"there is no fault '1' in force"}"#)
    #expect(try bench.control("DELETE", "/faults") == #"{"ok":true}"#)
    #expect(try bench.control("GET", "/faults") == #"{"faults":[]}"#)
    #expect(try bench.control("POST", "/faults?kind=flood").contains("'flood' is no kind of fault"))
  }

  @Test func `requests are counted and the counts reset`() throws {
    let bench = try EmulatorBench()
    _ = try bench.send("AssumeRole", to: "uploader")
    #expect(
      try bench.control("GET", "/requests")
        == #"{"total":1,"counts":[{"action":"AssumeRole","role":"uploader","result":"OK","count":1}],"regions":[{"region":"127.0.0.1","action":"AssumeRole","result":"OK","count":1}]}"#
    )
    #expect(try bench.control("GET", "/requests/recent").contains(#""access_key_id":"LTAIkeeper""#))
    #expect(try bench.control("DELETE", "/requests") == #"{"ok":true}"#)
    #expect(try bench.control("GET", "/requests") == #"{"total":0,"counts":[],"regions":[]}"#)
  }

  @Test func `a region's quota is set, listed and removed`() throws {
    let bench = try EmulatorBench()
    #expect(try bench.control("POST", "/quotas?region=127.0.0.1&per_second=1") == #"{"ok":true}"#)
    #expect(try bench.control("POST", "/quotas?region=CN-Hangzhou&per_second=0") == #"{"ok":true}"#)
    #expect(
      try bench.control("GET", "/quotas")
        == #"{"quotas":[{"region":"127.0.0.1","per_second":1},{"region":"cn-hangzhou","per_second":0}]}"#)
    let codes = try (0..<2).map { _ in try bench.send("AssumeRole", to: "uploader").code }
    #expect(codes == ["", "Throttling.User"])
    #expect(try bench.send("GetCallerIdentity").status == 200)
    #expect(try bench.control("DELETE", "/quotas") == #"{"ok":true}"#)
    #expect(try bench.send("AssumeRole", to: "uploader").status == 200)
    for wrong in ["region=a", "per_second=1", "region=a&per_second=-1", "region=a&per_second=x"] {
      #expect(try bench.control("POST", "/quotas?\(wrong)").contains("problem"), "\(wrong)")
    }
  }

  @Test func `the clock is shifted and frozen`() throws {
    let bench = try EmulatorBench()
    #expect(try bench.control("POST", "/clock?at=2026-01-02T03:04:05Z") == #"{"now":"2026-01-02T03:04:05Z"}"#)
    #expect(bench.emulator.clock.now.isoText == "2026-01-02T03:04:05Z")
    #expect(try bench.control("POST", "/clock?ahead_seconds=3600").hasPrefix(#"{"now":""#))
    #expect(try bench.send("GetCallerIdentity", time: EmulatorClock().now).code == "InvalidTimeStamp.Expired")
    #expect(try bench.control("POST", "/clock?ahead_seconds=0").hasPrefix(#"{"now":""#))
    #expect(try bench.send("GetCallerIdentity", time: EmulatorClock().now).status == 200)
    for wrong in ["at=noon", "ahead_seconds=-9223372036854775808", "ahead_seconds=x", ""] {
      #expect(try bench.control("POST", "/clock?\(wrong)").contains("problem"))
    }
  }

  @Test func `the configuration is read again, and a bad one changes nothing`() throws {
    let bench = try EmulatorBench()
    let key = try #require(try bench.send("AssumeRole", to: "uploader").key)
    try bench.directory.write("nonsense", to: "cloud.toml")
    #expect(try bench.control("POST", "/reload").contains("configuration line 1"))
    #expect(try bench.send("AssumeRole", to: "uploader").status == 200)
    try bench.directory.write("[accounts.1]\n", to: "cloud.toml")
    #expect(try bench.control("POST", "/reload") == #"{"ok":true}"#)
    #expect(try bench.send("AssumeRole", to: "uploader").code == "InvalidAccessKeyId.NotFound")
    #expect(try bench.send("GetCallerIdentity", as: key).status == 200)
  }

  @Test func `any other control request is answered as the cloud answers plain HTTP`() throws {
    let bench = try EmulatorBench()
    #expect(try bench.control("GET", "/?Action=GetCallerIdentity&Format=JSON").contains("InvalidProtocol.NeedSsl"))
    #expect(try bench.control("GET", "/help") + "\n" == ControlAPI.help)
  }

  @Test func `videos are listed`() throws {
    let bench = try EmulatorBench()
    #expect(try bench.control("GET", "/videos") == #"{"total":0,"videos":[]}"#)
    let key = try #require(try bench.send("AssumeRole", to: "uploader").key)
    let given = ["Title": "Ein \"Titel\"", "FileName": "film.mp4", "ReferenceId": "listed-1", "Tags": "a,b"]
    let created = try bench.send("CreateUploadVideo", given, as: key)
    let id = try #require(created.body?.text("VideoId"))
    #expect(try bench.send("RefreshUploadVideo", ["VideoId": id], as: key).status == 200)
    let list = try #require(PolicyValue(json: try bench.control("GET", "/videos")))
    guard case .list(let videos)? = list["videos"], let video = videos.first else {
      Issue.record("no list")
      return
    }
    #expect(video.text("video_id") == id && video.text("title") == "Ein \"Titel\"")
    #expect(video.text("file_name") == "film.mp4" && video.text("reference_id") == "listed-1")
    #expect(video.text("status") == "Uploading" && video.text("key").hasPrefix("sv/"))
    #expect(WallTime(video.text("created")) != nil && WallTime(video.text("refreshed")) != nil)
    #expect(video["parameters"]?.text("Tags") == "a,b" && video["stored"] == nil)
    #expect(bench.emulator.videos.map(\.id) == [id])
  }

  @Test func `a body without end is refused`() throws {
    let bench = try EmulatorBench()
    let body = String(repeating: "a", count: Cloud.bodyLimit + 1)
    #expect(try bench.controlStatus("POST", "/faults", body: body) == 413)
  }
}

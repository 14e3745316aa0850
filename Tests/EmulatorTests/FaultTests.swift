import Testing

@testable import Emulator

@Suite struct FaultTests {
  @Test func `a fault affects as many requests as its count`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.error(.unavailable, retryAfterMilliseconds: nil), count: 2))
    #expect([0, 1, 2].map { _ in cloud.send().status } == [503, 503, 200])
    #expect(cloud.service.faults.faults.isEmpty)
  }

  @Test func `a fault stays until it is cleared`() throws {
    var cloud = try TestCloud()
    let id = cloud.service.faults.add(Fault(.error(.unavailable, retryAfterMilliseconds: nil)))
    for _ in 0..<5 { #expect(cloud.send().status == 503) }
    let isCleared = cloud.service.faults.remove(id)
    #expect(isCleared)
    #expect(cloud.send().status == 200)
    let again = cloud.service.faults.remove(id)
    #expect(!again)
  }

  @Test func `a fault affects only its role and action`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.error(.unavailable, retryAfterMilliseconds: nil), role: "long"))
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("long")]).status == 503)
    #expect(cloud.send().status == 200)
    #expect(cloud.send("GetCallerIdentity").status == 200)
    cloud.service.faults.removeAll()
    cloud.service.faults.add(Fault(.error(.unavailable, retryAfterMilliseconds: nil), action: "GetCallerIdentity"))
    #expect(cloud.send("GetCallerIdentity").status == 503)
    #expect(cloud.send().status == 200)
  }

  @Test func `throttling has a requested wait only if the fault sets one`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.error(.userThrottled, retryAfterMilliseconds: 1500), count: 1))
    cloud.service.faults.add(Fault(.error(.userThrottled, retryAfterMilliseconds: nil), count: 2))
    #expect(cloud.send().reply.answer.header("x-acs-retry-after") == "1500")
    let second = cloud.send()
    #expect(second.code == "Throttling.User" && second.reply.answer.header("x-acs-retry-after") == nil)
  }

  @Test func `an answer has the header that a fault adds, with an error or without`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.header(name: "Retry-After", value: "20"), count: 2))
    cloud.service.faults.add(Fault(.error(.unavailable, retryAfterMilliseconds: nil), count: 1))
    let answers = [0, 1, 2].map { _ in cloud.send().reply.answer }
    #expect(answers.map(\.status) == [503, 200, 200])
    #expect(answers.map { $0.header("retry-after") } == ["20", "20", nil])
  }

  @Test func `a compressed body is marked as gzip and decompresses`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.gzip, count: 1))
    let answer = cloud.send().reply.answer
    #expect(answer.header("Content-Encoding") == "gzip" && answer.body.starts(with: [0x1F, 0x8B, 8]))
    // Made by Python's zlib at level 0: one stored block.
    #expect(
      Gzip.stored(Array("abc".utf8)) == [
        0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, 3, 0, 0xFC, 0xFF, 0x61, 0x62, 0x63, 0xC2, 0x41, 0x24, 0x35, 3, 0, 0, 0,
      ])
    let long = Gzip.stored(Array(repeating: 0, count: 70_000))
    #expect(long.count == 10 + 5 + 65_535 + 5 + 4465 + 8 && long[10] == 0)
  }

  @Test func `a request answered by a fault leaves no trace`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.refuse, count: 1))
    let draft = Draft(action: "GetCallerIdentity", parameters: [:], nonce: "n", time: cloud.now.isoText)
    let request = draft.signed(by: .keeper, shape: .v3Query)
    #expect(cloud.send(request).reply.manner == .refused)
    #expect(cloud.send(request).status == 200)
  }

  @Test func `an answer may lose or change its fields`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.fields(["SecurityToken"], value: ""), count: 1))
    #expect(cloud.send().key?.token == "")
    cloud.service.faults.add(Fault(.fields(["Expiration"], value: nil), count: 1))
    #expect(cloud.send().credentials?["Expiration"] == nil)
    cloud.service.faults.add(Fault(.fields(["Expiration"], value: "2020-01-01T00:00:00Z"), count: 1))
    #expect(cloud.send().credentials?.text("Expiration") == "2020-01-01T00:00:00Z")
    cloud.service.faults.add(Fault(.fields(credentialFields, value: ""), count: 1))
    let empty = cloud.send()
    #expect(empty.status == 200)
    for name in credentialFields { #expect(empty.credentials?[name] != nil && empty.credentials?.text(name) == "") }
  }

  @Test func `an answer's Date may be off, odd or missing`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.date(offsetSeconds: -7200), count: 1))
    #expect(cloud.send().reply.answer.header("Date") == "Fri, 02 Jan 2026 01:00:00 GMT")
    cloud.service.faults.add(Fault(.dateText("yesterday"), count: 1))
    #expect(cloud.send().reply.answer.header("Date") == "yesterday")
    cloud.service.faults.add(Fault(.dateText(nil), count: 1))
    #expect(cloud.send().reply.answer.header("Date") == nil)
  }

  @Test func `delay, drop, a proxy's page and a padded answer`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.delay(milliseconds: 250), count: 1))
    cloud.service.faults.add(Fault(.drop, count: 1))
    let late = cloud.send()
    #expect(late.reply.delayMilliseconds == 250 && late.reply.manner == .brokenOff)
    cloud.service.faults.add(Fault(.html(status: 200), count: 1))
    let page = cloud.send()
    #expect(page.text.hasPrefix("<html>") && page.reply.answer.header("Content-Type")?.hasPrefix("text/html") == true)
    cloud.service.faults.add(Fault(.oversize(bytes: 100_000), count: 1))
    let padded = cloud.send()
    #expect(padded.reply.answer.body.count == 100_000 && padded.key != nil)
  }

  struct GarbageCase: Sendable, CustomTestStringConvertible {
    let form: Fault.Garbage
    /// The client's view of the answer's body.
    let isGood: @Sendable (TestAnswer) -> Bool

    var testDescription: String { form.rawValue }
  }

  @Test(arguments: [
    GarbageCase(form: .bytes) { $0.body == nil && $0.reply.answer.body.count == 700 },
    GarbageCase(form: .half) { $0.body == nil && $0.text.hasPrefix(#"{"AssumedRoleUser""#) },
    GarbageCase(form: .nesting) { $0.body == nil && $0.text.hasPrefix("[[[[") },
    GarbageCase(form: .list) { $0.credentials == nil && $0.text.hasPrefix("[{") },
    GarbageCase(form: .nothing) { $0.text.isEmpty && $0.reply.manner == .whole },
    GarbageCase(form: .type) { $0.key != nil && $0.reply.answer.header("content-type") == "image/png" },
    GarbageCase(form: .http) { if case .raw(_, belowTLS: false) = $0.reply.manner { true } else { false } },
    GarbageCase(form: .tls) { if case .raw(_, belowTLS: true) = $0.reply.manner { true } else { false } },
  ])
  func `garbage comes with the status of a good answer`(_ row: GarbageCase) throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.garbage(row.form), count: 1))
    let answer = cloud.send()
    #expect(answer.status == 200 && row.isGood(answer), "\(answer.text.prefix(100))")
    let isNoted = ["garbage", "bent"].contains { cloud.service.callCounts.count(result: $0) == 1 }
    #expect(isNoted, "\(cloud.service.callCounts.counts)")
    #expect(cloud.send().key != nil)
  }

  @Test func `a disabled key signs nothing more, and its sessions go on`() throws {
    var cloud = try TestCloud()
    let session = try cloud.assume()
    let id = cloud.service.faults.add(Fault(.keyDisabled(id: Key.keeper.id)))
    #expect(cloud.send().code == "InvalidAccessKeyId.Inactive")
    #expect(cloud.send("GetCallerIdentity").code == "InvalidAccessKeyId.Inactive")
    #expect(cloud.send("GetCallerIdentity", as: session).status == 200)
    #expect(cloud.send("GetCallerIdentity", as: .idle).status == 200)
    let isCleared = cloud.service.faults.remove(id)
    #expect(isCleared && cloud.send().status == 200)
    cloud.service.faults.add(Fault(.keyDisabled(id: nil), count: 2))
    #expect(cloud.send("GetCallerIdentity", as: session).status == 200, "no long-lived key; it isn't counted either")
    #expect(cloud.send("GetCallerIdentity", as: .idle).code == "InvalidAccessKeyId.Inactive")
    #expect(cloud.send().code == "InvalidAccessKeyId.Inactive")
    #expect(cloud.send().status == 200)
  }

  @Test func `a revoked session signs nothing more, and other sessions and keys go on`() throws {
    var cloud = try TestCloud()
    let (revoked, other) = (try cloud.assume("long"), try cloud.assume("long"))
    let id = cloud.service.faults.add(Fault(.sessionRevoked(id: revoked.id)))
    #expect(cloud.send("GetCallerIdentity", as: revoked).code == "InvalidAccessKeyId.NotFound")
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("chained")], as: revoked).status == 404)
    #expect(cloud.send("GetCallerIdentity", as: other).status == 200)
    #expect(cloud.send("GetCallerIdentity").status == 200)
    #expect(cloud.service.faults.remove(id) && cloud.send("GetCallerIdentity", as: revoked).status == 200)
    cloud.service.faults.add(Fault(.sessionRevoked(id: nil)))
    #expect(cloud.send("GetCallerIdentity", as: other).code == "InvalidAccessKeyId.NotFound")
    #expect(cloud.send("GetCallerIdentity").status == 200, "no session; a user's key")
  }

  @Test(arguments: [1, 400, 1024, 16_384])
  func `a role's tokens are as long as its configuration sets, and work`(length: Int) throws {
    var cloud = try TestCloud { model in
      var account = model.accounts[TestCloud.account]!
      account.roles["uploader"]?.tokenLength = length
      model.add(account)
    }
    let session = try cloud.assume()
    let usual = try cloud.assume("long").token?.utf8.count ?? 0
    #expect(session.token?.utf8.count == max(length / 4 * 4, usual + 4))
    #expect(cloud.send("GetCallerIdentity", as: session).status == 200)
  }

  @Test func `a role that is gone can't be assumed, and its sessions go on`() throws {
    var cloud = try TestCloud()
    let session = try cloud.assume("long")
    cloud.service.faults.add(Fault(.roleGone, role: "long", count: 1))
    #expect(cloud.send().status == 200)
    #expect(cloud.send("GetCallerIdentity", as: session).status == 200)
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("long")]).code == "EntityNotExist.Role")
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("long")]).status == 200)
    // An unverified caller doesn't learn what exists.
    cloud.service.faults.add(Fault(.roleGone))
    #expect(cloud.send(as: Key(id: Key.keeper.id, secret: "wrong")).code == "SignatureDoesNotMatch")
  }

  @Test func `a fault may affect one address only`() throws {
    var cloud = try TestCloud()
    let unavailable = Fault.Kind.error(.unavailable, retryAfterMilliseconds: nil)
    cloud.service.faults.add(Fault(unavailable, source: "127.0.0.2"))
    #expect(cloud.send().status == 200)
    #expect(cloud.send { $0.sourceAddress = "127.0.0.2" }.status == 503)
    var list = FaultList()
    list.add(Fault(.unreachable, source: "127.0.0.2"))
    list.add(Fault(.certificate(.expired), count: 1, source: "127.0.0.2"))
    list.add(Fault(.certificate(.name)))
    var isMet: [Bool] = []
    for address in ["127.0.0.1", "127.0.0.2"] { isMet.append(list.takeUnreachable(from: address, to: .sts)) }
    #expect(isMet == [false, true])
    var flaws: [CertificateFlaw?] = []
    for address in ["127.0.0.2", "127.0.0.2", "127.0.0.1"] {
      flaws.append(list.takeCertificate(from: address, to: .sts))
    }
    #expect(flaws == [.expired, .name, .name])
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let query: String
    let kind: Fault.Kind?

    init(_ query: String, _ kind: Fault.Kind?) {
      self.query = query
      self.kind = kind
    }

    var testDescription: String { query }
  }

  @Test(arguments: [
    Case("kind=delay&milliseconds=500", .delay(milliseconds: 500)),
    Case("kind=delay", nil),
    Case("kind=delay&milliseconds=-1", nil),
    Case("kind=refuse", .refuse),
    Case("kind=refuse&count=0", nil),
    Case("kind=unreachable", .unreachable),
    Case("kind=drop", .drop),
    Case("kind=lost-answer", .lostAnswer),
    Case("kind=error", .error(.internalError, retryAfterMilliseconds: nil)),
    Case(
      "kind=error&status=502&code=BadGateway&message=No%20way",
      .error(Refusal(status: 502, code: "BadGateway", message: "No way"), retryAfterMilliseconds: nil)),
    Case("kind=error&status=503", .error(.unavailable, retryAfterMilliseconds: nil)),
    Case("kind=error&status=199", nil),
    Case("kind=error&code=AddVideoFailed", .error(.addVideoFailed, retryAfterMilliseconds: nil)),
    Case("kind=error&code=InvalidVideo.NotFound", .error(.noSuchVideo, retryAfterMilliseconds: nil)),
    Case("kind=throttle", .error(.userThrottled, retryAfterMilliseconds: nil)),
    Case("kind=throttle&code=Throttling.Api&retry_after_ms=900", .error(.apiThrottled, retryAfterMilliseconds: 900)),
    Case("kind=throttle&code=Slow", nil),
    Case("kind=empty", .fields(credentialFields, value: "")),
    Case("kind=empty&field=SecurityToken", .fields(["SecurityToken"], value: "")),
    Case("kind=missing&field=Credentials", .fields(["Credentials"], value: nil)),
    Case("kind=missing", nil),
    Case("kind=replace&field=Expiration&value=soon", .fields(["Expiration"], value: "soon")),
    Case("kind=date&offset_seconds=-3600", .date(offsetSeconds: -3600)),
    Case("kind=date&absent=true", .dateText(nil)),
    Case("kind=date&text=now", .dateText("now")),
    Case("kind=date", nil),
    Case("kind=html", .html(status: 200)),
    Case("kind=oversize&bytes=70000", .oversize(bytes: 70_000)),
    Case("kind=dribble&milliseconds=2500", .dribble(milliseconds: 2500)),
    Case("kind=dribble", nil),
    Case("kind=garbage", .garbage(.bytes)),
    Case("kind=garbage&form=http", .garbage(.http)),
    Case("kind=garbage&form=soup", nil),
    Case("kind=key-disabled&key=LTAIkeeper", .keyDisabled(id: "LTAIkeeper")),
    Case("kind=key-disabled", .keyDisabled(id: nil)),
    Case("kind=session-revoked&key=STS.one", .sessionRevoked(id: "STS.one")),
    Case("kind=session-revoked", .sessionRevoked(id: nil)),
    Case("kind=role-gone&role=long", .roleGone),
    Case("kind=certificate&form=authority", .certificate(.authority)),
    Case("kind=certificate", nil),
    Case("kind=certificate&form=old", nil),
    Case("kind=flood", nil),
    Case("", nil),
  ])
  func `a fault is set by text parameters`(_ row: Case) throws {
    let parameters = try #require(Parameters(decoding: row.query.utf8))
    #expect((try? Fault(parameters))?.kind == row.kind)
  }

  @Test func `requests are counted by action, role and result`() throws {
    var cloud = try TestCloud()
    _ = cloud.send()
    _ = cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("nobody")])
    cloud.service.faults.add(Fault(.refuse, count: 1))
    _ = cloud.send()
    _ = cloud.send("GetCallerIdentity")
    let callCounts = cloud.service.callCounts
    #expect(callCounts.total == 4)
    #expect(callCounts.count(action: "AssumeRole") == 3)
    #expect(callCounts.count(role: "uploader", result: "OK") == 1)
    #expect(callCounts.count(result: "refused") == 1)
    #expect(callCounts.count(role: "nobody", result: "EntityNotExist.Role") == 1)
    #expect(callCounts.recent.map(\.action) == ["AssumeRole", "AssumeRole", "AssumeRole", "GetCallerIdentity"])
    #expect(callCounts.recent[0].keyID == "LTAIkeeper" && callCounts.recent[0].sessionName == "session")
    cloud.service.resetCallCounts()
    #expect(cloud.service.callCounts.total == 0)
  }

  @Test func `a flood of made-up names doesn't grow the count`() throws {
    var cloud = try TestCloud()
    for number in 0..<3000 { _ = cloud.send(Request(method: "GET", target: "/?Action=A\(number)", headers: [])) }
    #expect(cloud.service.callCounts.counts.count < 1100)
    #expect(cloud.service.callCounts.total == 3000)
    #expect(cloud.service.callCounts.recent.count == 1000)
  }
}

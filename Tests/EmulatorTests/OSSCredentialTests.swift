import Testing

@testable import Emulator

/// Which requests are accepted.
@Suite struct OSSCredentialTests {
  @Test func `a grant is good for its object alone`() throws {
    let bench = try OSSBench()
    for name in [
      ObjectName(bucket: "outin-1", key: "sv/1/clip.mp"), ObjectName(bucket: "outin-2", key: OSSBench.object.key),
      ObjectName(bucket: "outin-1", key: "sv/1/clip.mp4/x"),
    ] {
      let result = bench.send("PUT", [], Array("x".utf8), object: name)
      #expect(result.status == 403 && result.code == "AccessDenied")
      #expect(bench.store.stored(name) == nil)
    }
    #expect(bench.send("PUT", [], Array("x".utf8)).status == 200)
  }

  @Test(arguments: OSSSettings.ExpiredCode.allCases)
  func `an expired grant is refused as the settings say`(code: OSSSettings.ExpiredCode) throws {
    let bench = try OSSBench { $0.expiredCode = code }
    bench.renew(lifetime: 10)
    bench.clock.advance(bySeconds: 9)
    #expect(bench.send("PUT", [], Array("x".utf8)).status == 200)
    bench.clock.advance(bySeconds: 1)
    let result = bench.send("PUT", [], Array("y".utf8))
    #expect(result.status == 403 && result.code == code.rawValue)
    #expect(bench.stored == Array("x".utf8))
    bench.renew()
    #expect(bench.send("PUT", [], Array("z".utf8)).status == 200)
  }

  @Test func `another grant can continue an upload`() throws {
    let bench = try OSSBench()
    bench.renew(lifetime: 10)
    let id = try bench.initiate()
    let part = bench.part(1, of: id, Array("x".utf8))
    bench.clock.advance(bySeconds: 10)
    #expect(bench.complete(id, [(1, part.etag)]).code == "SecurityTokenExpired")
    bench.renew()
    #expect(bench.complete(id, [(1, part.etag)]).status == 200)
  }

  @Test func `a damaged, foreign or missing token is refused`() throws {
    let bench = try OSSBench()
    let grant = bench.grant
    let other = bench.store.grant(for: OSSBench.object, lifetime: 60, at: bench.clock.now)
    func result(keyID: String? = nil, token: String) -> OSSResult {
      bench.grant = UploadGrant(
        keyID: keyID ?? grant.keyID, secret: grant.secret, token: token, object: grant.object, expires: grant.expires,
        region: grant.region)
      return bench.send("PUT", [], Array("x".utf8))
    }
    for token in [
      other.token, "x", String(grant.token.dropLast()), "A" + grant.token.dropFirst(),
      TextCoding.base64(Array("CAES".utf8)),
    ] {
      #expect(result(token: token).code == "InvalidSecurityToken")
    }
    #expect(result(token: "").code == "InvalidAccessKeyId")
    #expect(result(keyID: "LTAIother", token: "").code == "InvalidAccessKeyId")
    #expect(result(keyID: other.keyID, token: other.token).code == "SignatureDoesNotMatch")
    #expect(result(token: grant.token).status == 200)
  }

  @Test func `a grant can't be made longer or for another object by changing its token`() throws {
    let bench = try OSSBench()
    let bytes = try #require(TextCoding.bytes(base64: bench.grant.token))
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 1
      #expect(bench.store.grant(ofToken: TextCoding.base64(changed), keyID: bench.grant.keyID) == nil)
    }
    #expect(bench.store.grant(ofToken: bench.grant.token, keyID: bench.grant.keyID) == bench.grant)
  }

  @Test func `two tokens at once are refused`() throws {
    let bench = try OSSBench()
    let token = bench.grant.token
    for name in ["security-token", "x-oss-security-token"] {
      let result = bench.send("PUT", [(name, TextCoding.percentEncoded(token))], Array("x".utf8))
      #expect(result.status == 400 && result.code == "InvalidArgument")
    }
  }

  @Test func `a token in the query alone is accepted, too`() throws {
    let bench = try OSSBench()
    let grant = bench.grant
    let draft = OSSDraft(
      "PUT", object: OSSBench.object, query: [("security-token", TextCoding.percentEncoded(grant.token))])
    let bare = UploadGrant(
      keyID: grant.keyID, secret: grant.secret, token: "", object: grant.object, expires: grant.expires,
      region: grant.region)
    #expect(bench.send(draft.signed(by: bare, at: bench.clock.now)).status == 200)
  }

  struct Skew: Sendable, CustomTestStringConvertible {
    let seconds: Int64
    let status: Int

    var testDescription: String { "\(seconds) s" }
  }

  @Test(arguments: [
    Skew(seconds: 900, status: 200), Skew(seconds: -900, status: 200), Skew(seconds: 901, status: 403),
    Skew(seconds: -901, status: 403),
  ])
  func `a request's time may be a quarter of an hour off`(_ row: Skew) throws {
    let bench = try OSSBench()
    let draft = OSSDraft("PUT", object: OSSBench.object)
    let result = bench.send(draft.signed(by: bench.grant, at: bench.clock.now.advanced(bySeconds: row.seconds)))
    #expect(result.status == row.status)
    #expect(result.code == (row.status == 200 ? "" : "RequestTimeTooSkewed"))
  }

  @Test func `time, scope, region and payload are checked`() throws {
    let bench = try OSSBench()
    func result(_ name: String, _ value: String?) -> OSSResult {
      bench.send("PUT", [], Array("x".utf8)) { $0.set(name, value) }
    }
    #expect(result("x-oss-date", nil).code == "AccessDenied")
    #expect(result("x-oss-date", "2026-01-02T03:04:05Z").code == "AccessDenied")
    #expect(result("x-oss-content-sha256", nil).code == "InvalidArgument")
    #expect(result("x-oss-content-sha256", "abc").code == "InvalidArgument")
    #expect(result("authorization", nil).code == "AccessDenied")
    #expect(result("authorization", "Bearer x").xml?["EC"] == "0002-00000002")
    #expect(result("authorization", "OSS4-HMAC-SHA256 Credential=a/b,Signature=c").code == "InvalidArgument")
    func scoped(_ change: (String) -> String) -> OSSResult {
      bench.send("PUT", [], Array("x".utf8)) { request in
        request.set("authorization", change(request.header("authorization") ?? ""))
      }
    }
    #expect(scoped { $0.replacing("/20260102/", with: "/20260103/") }.code == "InvalidArgument")
    #expect(scoped { $0.replacing("/cn-shanghai/", with: "/cn-beijing/") }.xml?["EC"] == "0002-00000226")
    #expect(scoped { $0.replacing("/oss/", with: "/vod/") }.code == "InvalidArgument")
    #expect(scoped { $0.replacing(",Signature", with: " ,  Signature") }.status == 200)
  }

  @Test func `V1 is refused unless that is allowed, by header and by URL`() throws {
    let vector = OSSVector.v1[0]
    for isAllowed in [false, true] {
      let bench = try OSSBench { $0.allowsV1 = isAllowed }
      bench.store.add(vector.grant)
      let result = bench.send(vector.request)
      #expect(result.status == (isAllowed ? 200 : 403) && result.code == (isAllowed ? "" : "AccessDenied"))
    }
  }

  /// The URL is of oss2 2.19.1: `Bucket(StsAuth(…), …).sign_url('PUT', …, slash_safe=True)`.
  @Test func `a V1 URL is good until its end`() throws {
    let grant = UploadGrant(
      keyID: "STS.testid", secret: "stssecret", token: "token+/=",
      object: ObjectName(bucket: "outin-0001", key: "a.mp4"),
      expires: OSSVector.time.advanced(bySeconds: 3000), region: "cn-shanghai")
    let toSign = "PUT\n\n\n1767323105\n/outin-0001/a.mp4?security-token=token+/="
    let signature = TextCoding.base64(Digests.hmacSHA1(key: Array("stssecret".utf8), Array(toSign.utf8)))
    let query =
      "security-token=token%2B%2F%3D&OSSAccessKeyId=STS.testid&Expires=1767323105&Signature="
      + TextCoding.percentEncoded(signature)
    let request = Request(
      method: "PUT", target: "/a.mp4?\(query)",
      headers: [.init(name: "Host", value: "outin-0001.oss-cn-shanghai.aliyuncs.com")])
    let bench = try OSSBench { $0.allowsV1 = true }
    bench.store.add(grant)
    #expect(bench.send(request).status == 200)
    bench.clock.freeze(at: WallTime(seconds: 1_767_323_105))
    #expect(bench.send(request).status == 200)
    bench.clock.advance(bySeconds: 1)
    #expect(bench.send(request).code == "AccessDenied")
  }
}

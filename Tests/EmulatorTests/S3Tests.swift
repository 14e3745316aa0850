import Testing

@testable import Emulator

/// OSS as S3 clients use it, with a role session.
@Suite struct S3Tests {
  private static let configuration = """
    [accounts.1]
    [accounts.1.policies.Files]
    document = '''{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*",
      "Resource":["acs:oss:*:1:files","acs:oss:*:1:files/*"]}]}'''
    [accounts.1.users.keeper]
    access_keys = [{ id = "LTAIkeeper", secret = "keeper secret" }]
    policies = ["AliyunSTSAssumeRoleAccess"]
    [accounts.1.roles.files]
    trust = ["acs:ram::1:root"]
    policies = ["Files"]
    """

  private let bench: OSSBench
  private let key: Key

  init() throws {
    bench = try OSSBench(AccountModel(toml: Self.configuration))
    let time = bench.clock.now
    key = bench.shared.withService { cloud in
      let session = RoleSession(
        keyID: "STS.files", account: "1", role: "files", name: "s", expires: time.advanced(bySeconds: 900))
      return Key(
        id: session.keyID, secret: cloud.mint.secret(forKeyID: session.keyID), token: cloud.mint.token(for: session))
    }
  }

  private func send(
    _ method: String, _ path: String, _ query: [(name: String, value: String)] = [], _ body: [UInt8] = [],
    headers: [(name: String, value: String)] = [], as given: Key? = nil, payload: String = "UNSIGNED-PAYLOAD"
  ) -> OSSResult {
    var draft = AWS4Draft(method: method, path: path, query: query, headers: headers, body: body)
    draft.payload = payload
    return bench.send(draft.signed(by: given ?? key, at: bench.clock.now))
  }

  @Test func `an object is put, read, listed and deleted, and the log says by which key`() throws {
    let body = Array("hello".utf8)
    let put = send("PUT", "/files/a/b.txt", [], body)
    #expect(put.status == 200 && put.etag == "\"5d41402abc4b2a76b9719d911017c592\"")
    #expect(send("HEAD", "/files/a/b.txt").status == 200)
    let got = try #require(send("GET", "/files/a/b.txt").reply)
    #expect(got.answer.status == 200 && got.answer.file?.size == 5)
    let list = try #require(send("GET", "/files", [("list-type", "2"), ("prefix", "a/")]).xml)
    #expect(list.name == "ListBucketResult" && list["KeyCount"] == "1")
    #expect(list.children.first { $0.name == "Contents" }?["Key"] == "a/b.txt")
    #expect(send("DELETE", "/files/a/b.txt").status == 204)
    #expect(send("DELETE", "/files/a/b.txt").status == 204)
    #expect(send("GET", "/files/a/b.txt").code == "NoSuchKey")
    #expect(send("GET", "/files", [("location", "")]).xml?.text == "oss-cn-shanghai")
    #expect(send("HEAD", "/files").status == 200 && send("PUT", "/files").status == 200)
    let entries = bench.service.log.recent
    #expect(entries.allSatisfy { $0.keyID == "STS.files" })
    #expect(entries.filter { $0.result == "OK" }.map(\.operation).contains("ListObjectsV2"))
  }

  @Test func `a part of an object is read`() throws {
    _ = send("PUT", "/files/a", [], Array("0123456789".utf8))
    let rows = [
      ("bytes=2-4", 2, 3), ("bytes=7-", 7, 3), ("bytes=-4", 6, 4), ("bytes=5-100", 5, 5), ("bytes=0-0", 0, 1),
    ]
    for (range, start, size) in rows {
      let answer = try #require(send("GET", "/files/a", headers: [("range", range)]).reply?.answer)
      #expect(answer.status == 206 && answer.file?.start == start && answer.file?.size == size, "\(range)")
      #expect(answer.header("Content-Range") == "bytes \(start)-\(start + size - 1)/10")
    }
    for range in ["bytes=5-4", "bytes=-", "lines=1-2", "bytes=0-1,3-4"] {
      #expect(send("GET", "/files/a", headers: [("range", range)]).status == 200, "\(range)")
    }
    #expect(send("GET", "/files/a", headers: [("range", "bytes=10-")]).code == "InvalidRange")
  }

  @Test func `a list comes in pages, and by directory`() throws {
    for name in ["a", "d/1", "d/2", "e/1", "f"] { _ = send("PUT", "/files/\(name)", [], [1]) }
    func list(_ query: [(name: String, value: String)]) throws -> (keys: [String], groups: [String], next: String?) {
      let xml = try #require(send("GET", "/files", query).xml)
      return (
        xml.children.filter { $0.name == "Contents" }.compactMap { $0["Key"] },
        xml.children.filter { $0.name == "CommonPrefixes" }.compactMap { $0["Prefix"] },
        xml["NextContinuationToken"] ?? xml["NextMarker"]
      )
    }
    let whole = try list([("delimiter", "/")])
    #expect(whole.keys == ["a", "f"] && whole.groups == ["d/", "e/"] && whole.next == nil)
    let first = try list([("list-type", "2"), ("delimiter", "/"), ("max-keys", "2")])
    #expect(first.keys == ["a"] && first.groups == ["d/"])
    let next = try list([
      ("list-type", "2"), ("delimiter", "/"), ("max-keys", "2"), ("continuation-token", try #require(first.next)),
    ])
    #expect(next.keys == ["f"] && next.groups == ["e/"] && next.next == nil)
    let second = try list([("marker", "d/1"), ("max-keys", "1")])
    #expect(second.keys == ["d/2"] && second.next == "d/2")
    #expect(send("GET", "/files", [("max-keys", "1001")]).code == "InvalidArgument")
  }

  @Test func `the role's policies decide`() throws {
    #expect(send("PUT", "/other/a", [], [1]).code == "AccessDenied")
    #expect(send("GET", "/other").code == "AccessDenied")
    #expect(send("PUT", "/files/a", [], [1], as: Key(id: "LTAIkeeper", secret: "keeper secret")).code == "AccessDenied")
  }

  @Test func `a key is refused without its token, after its end and with another secret`() throws {
    #expect(send("GET", "/files", as: Key(id: key.id, secret: key.secret)).code == "InvalidAccessKeyId")
    #expect(
      send("GET", "/files", as: Key(id: "STS.x", secret: key.secret, token: key.token)).code == "InvalidSecurityToken")
    #expect(
      send("GET", "/files", as: Key(id: key.id, secret: "x", token: key.token)).code == "SignatureDoesNotMatch")
    bench.clock.advance(bySeconds: 899)
    #expect(send("GET", "/files").status == 200)
    bench.clock.advance(bySeconds: 1)
    #expect(send("GET", "/files").code == "SecurityTokenExpired")
  }

  @Test func `a signed payload is compared, and chunked ones are refused`() throws {
    let body = Array("hello".utf8)
    let hash = TextCoding.hex(Digests.sha256(body))
    #expect(send("PUT", "/files/a", [], body, payload: hash).status == 200)
    #expect(send("PUT", "/files/b", [], Array("hellO".utf8), payload: hash).code == "XAmzContentSHA256Mismatch")
    #expect(send("HEAD", "/files/b").status == 404)
    for payload in ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", "x"] {
      #expect(send("PUT", "/files/b", [], body, payload: payload).code == "InvalidArgument")
    }
  }

  @Test func `a role session's own signature of OSS is taken as well`() throws {
    let object = ObjectName(bucket: "files", key: "a")
    bench.grant = UploadGrant(
      keyID: key.id, secret: key.secret, token: key.token ?? "", object: object, expires: bench.clock.now,
      region: "cn-shanghai")
    #expect(bench.send("PUT", [], [1], object: object).status == 200)
    #expect(bench.send("PUT", [], [1], object: ObjectName(bucket: "other", key: "a")).code == "AccessDenied")
    #expect(
      bench.send("GET", [], object: object).reply?.answer.header("ETag")?.contains("55A54008AD1BA589AA210D2629C1DF41")
        == true)
  }
}

/// A request to OSS before it is signed as an S3 client does it, path style.
///
/// The signing follows Amazon's page independently, in other steps than the tested check; the examples verify both.
struct AWS4Draft {
  var method: String
  var path: String
  var query: [(name: String, value: String)] = []
  var headers: [(name: String, value: String)] = []
  var body: [UInt8] = []
  var payload = "UNSIGNED-PAYLOAD"

  func signed(by key: Key, at time: WallTime) -> Request {
    let date = String(time.isoText.filter { $0 != "-" && $0 != ":" })
    var signed =
      headers + [("host", "127.0.0.1:443"), ("x-amz-content-sha256", payload), ("x-amz-date", date)]
    if let token = key.token { signed.append(("x-amz-security-token", token)) }
    signed.sort { $0.name < $1.name }
    let names = signed.map(\.name).joined(separator: ";")
    let lines = signed.map { "\($0.name):\($0.value)\n" }.joined()
    let parameters = query.sorted { $0.name < $1.name }
      .map { "\(TextCoding.percentEncoded($0.name))=\(TextCoding.percentEncoded($0.value))" }.joined(separator: "&")
    let canonical = "\(method)\n\(path)\n\(parameters)\n\(lines)\n\(names)\n\(payload)"
    let scope = "\(date.prefix(8))/oss-cn-shanghai/s3/aws4_request"
    let toSign = "AWS4-HMAC-SHA256\n\(date)\n\(scope)\n" + TextCoding.hex(Digests.sha256(Array(canonical.utf8)))
    let chain = scope.split(separator: "/").reduce(Array("AWS4\(key.secret)".utf8)) {
      Digests.hmacSHA256(key: $0, Array($1.utf8))
    }
    let signature = TextCoding.hex(Digests.hmacSHA256(key: chain, Array(toSign.utf8)))
    signed.append(
      (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=\(key.id)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
      ))
    signed.append(("content-length", String(body.count)))
    return Request(
      method: method, target: parameters.isEmpty ? path : "\(path)?\(parameters)",
      headers: signed.map { Request.Header(name: $0.name, value: $0.value) }, body: body)
  }
}

import TestSupport
import Testing

@testable import Emulator

/// The control endpoint's functions for OSS, and the settings.
@Suite struct OSSControlTests {
  private func control(_ bench: OSSBench) -> ControlAPI {
    ControlAPI(
      service: bench.shared, storage: StorageControl(oss: bench.service, address: "127.0.0.1:443", clock: bench.clock),
      reload: nil)
  }

  private func ask(_ control: ControlAPI, _ method: String, _ target: String) -> (status: Int, body: PolicyValue?) {
    let answer = control.answer(Request(method: method, target: target, headers: [])).answer
    return (answer.status, PolicyValue(json: String(decoding: answer.body, as: UTF8.self)))
  }

  @Test func `a grant is made, used, and its URL as well`() throws {
    let bench = try OSSBench()
    let control = control(bench)
    let (status, grant) = ask(control, "POST", "/grants?bucket=outin-1&key=sv/1/clip.mp4&lifetime=60")
    #expect(status == 200 && grant?.text("ExpireUTCTime") == "2026-01-02T03:05:05Z")
    bench.grant = UploadGrant(
      keyID: grant?.text("AccessKeyId") ?? "", secret: grant?.text("AccessKeySecret") ?? "",
      token: grant?.text("SecurityToken") ?? "", object: OSSBench.object, expires: bench.clock.now,
      region: grant?.text("Region") ?? "")
    #expect(bench.send("PUT", [], Array("x".utf8)).status == 200)
    let url = grant?.text("put_url") ?? ""
    let request = Request(
      method: "PUT", target: String(url.dropFirst("https://127.0.0.1:443".count)),
      headers: [.init(name: "Host", value: "127.0.0.1:443")], body: Array("by URL".utf8))
    #expect(bench.send(request).status == 200 && bench.stored == Array("by URL".utf8))
    for wrong in ["bucket=x&key=a", "bucket=outin-1", "bucket=outin-1&key=../a", "bucket=outin-1&key=a&lifetime=0"] {
      #expect(ask(control, "POST", "/grants?\(wrong)").status == 400)
    }
  }

  @Test func `objects and calls are listed`() throws {
    let bench = try OSSBench()
    let control = control(bench)
    let put = bench.send("PUT", [], Array("123456789".utf8))
    let id = try bench.initiate()
    _ = bench.part(7, of: id, Array("abc".utf8))
    _ = bench.send("DELETE", [("uploadId", id)])
    guard case .list(let objects)? = ask(control, "GET", "/objects").body?["objects"],
      case .list(let calls)? = ask(control, "GET", "/requests/oss").body?["requests"],
      case .list(let none)? = ask(control, "GET", "/objects?key=other").body?["objects"]
    else {
      Issue.record("the lists can't be read")
      return
    }
    #expect(none.isEmpty && objects.count == 1)
    #expect(objects.first?.text("crc64") == "11051210869376104954" && objects.first?.text("etag") == put.etag)
    #expect(
      calls.map { $0.text("operation") } == [
        "PutObject", "InitiateMultipartUpload", "UploadPart", "AbortMultipartUpload",
      ])
    #expect(calls.map { $0.text("result") } == ["OK", "OK", "OK", "AccessDenied"])
    let part = try #require(bench.service.log.recent.dropFirst(2).first)
    #expect(part.part == 7 && part.size == 3 && part.status == 200 && part.uploadID == id)
    #expect(part.keyID == bench.grant.keyID && part.object == OSSBench.object)
    #expect(bench.shared.withService { $0.callCounts.count(action: "UploadPart", result: "OK") } == 1)
    #expect(ask(control, "DELETE", "/requests").status == 200)
    #expect(bench.service.log.recent.isEmpty)
  }

  @Test func `only the latest calls are kept`() throws {
    let log = OSSCallLog()
    for number in 0..<25_000 {
      log.note(OSSCallLog.Entry(time: OSSVector.time, operation: "PutObject", size: number, result: "OK"))
    }
    #expect((10_000..<20_000).contains(log.recent.count) && log.recent.last?.size == 24_999)
  }

  @Test func `settings are read`() throws {
    let model = try AccountModel(
      toml: """
        [oss]
        allow_v1 = true
        allow_list_parts = true
        allow_abort = true
        expired_code = "InvalidAccessKeyId"
        etag = "crc"
        region = "cn-beijing"
        """)
    var expected = OSSSettings()
    expected.allowsV1 = true
    expected.allowsListParts = true
    expected.allowsAbort = true
    expected.expiredCode = .invalidAccessKeyId
    expected.etag = .crc
    expected.region = "cn-beijing"
    #expect(model.oss == expected)
    #expect(try AccountModel(toml: "").oss == OSSSettings())
  }

  @Test(arguments: ["[oss]\nallow_v2 = true", "[oss]\nallow_v1 = 1", "[oss]\netag = \"sha\"", "oss = 1"])
  func `an unknown setting is refused with its line`(text: String) {
    #expect(throws: AccountModelError.self) { try AccountModel(toml: text) }
  }
}

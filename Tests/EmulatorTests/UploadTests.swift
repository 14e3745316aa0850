import Testing

@testable import Emulator

/// From CreateUploadVideo to the finished object, with real object storage.
@Suite struct UploadTests {
  /// VOD's and OSS's calls, by a user who may make all of them.
  final class Bench {
    let oss: OSSBench
    private var lastNonce = 0

    init(_ change: (inout VODSettings) -> Void = { _ in }) throws {
      var model = try AccountModel(toml: TestCloud.configuration)
      change(&model.vod)
      oss = try OSSBench(model)
    }

    func call(_ action: String, _ parameters: [String: String]) -> TestAnswer {
      lastNonce += 1
      let draft = Draft(
        action: action, parameters: parameters, nonce: "upload-\(lastNonce)", time: oss.clock.now.isoText,
        version: CloudService.vod.rawValue)
      return TestAnswer(oss.shared.answer(draft.signed(by: .idle, shape: .v3Query)))
    }

    func create() throws -> TestTicket {
      try #require(TestTicket(call("CreateUploadVideo", ["Title": "a", "FileName": "a.mp4"])))
    }

    func refresh(_ ticket: TestTicket) throws -> TestTicket {
      try #require(TestTicket(call("RefreshUploadVideo", ["VideoId": ticket.videoID])))
    }

    func status(of ticket: TestTicket) -> String {
      call("GetMezzanineInfo", ["VideoId": ticket.videoID]).body?["Mezzanine"]?.text("Status") ?? ""
    }

    /// Signs like a client that has nothing but the ticket.
    func send(
      _ method: String, _ query: [(name: String, value: String)] = [], _ body: [UInt8] = [], with ticket: TestTicket,
      to object: ObjectName? = nil
    ) throws -> OSSResult {
      let grant = UploadGrant(
        keyID: ticket.auth.text("AccessKeyId"), secret: ticket.auth.text("AccessKeySecret"),
        token: ticket.auth.text("SecurityToken"), object: ticket.object,
        expires: try #require(WallTime(ticket.auth.text("ExpireUTCTime"))), region: ticket.auth.text("Region"))
      let draft = OSSDraft(method, object: object ?? ticket.object, query: query, body: body)
      return oss.send(draft.signed(by: grant, at: oss.clock.now))
    }
  }

  @Test func `a ticket uploads its video, which VOD then reports as finished`() throws {
    let bench = try Bench()
    let ticket = try bench.create()
    #expect(bench.status(of: ticket) == "Uploading")
    let bytes = sampleBytes(100_000)
    #expect(try bench.send("PUT", [], bytes, with: ticket).status == 200)
    #expect(bench.status(of: ticket) == "Normal")
    let video = try #require(bench.oss.shared.withService { $0.videos(at: bench.oss.clock.now) }.first)
    #expect(video.status == "Normal" && video.stored?.size == bytes.count && video.stored?.writes == 1)
    _ = try bench.refresh(ticket)
    let counts = bench.oss.shared.withService { $0.callCounts }
    #expect(counts.count(action: "RefreshUploadVideo", result: "overwrite refresh") == 1)
    #expect(counts.count(action: "PutObject", result: "OK") == 1)
  }

  @Test func `a ticket is for its own object alone`() throws {
    let bench = try Bench()
    let (first, second) = (try bench.create(), try bench.create())
    #expect(try bench.send("PUT", [], [1], with: first, to: second.object).code == "AccessDenied")
    #expect(bench.status(of: second) == "Uploading")
  }

  @Test func `a multipart upload outlives its ticket by a refresh`() throws {
    let bench = try Bench { $0.uploadLifetimeSeconds = 10 }
    let ticket = try bench.create()
    let id = try #require(try bench.send("POST", [("uploads", "")], with: ticket).xml?["UploadId"])
    let part = [("partNumber", "1"), ("uploadId", id)]
    bench.oss.clock.advance(bySeconds: 10)
    #expect(try bench.send("PUT", part, [1, 2, 3], with: ticket).code == "SecurityTokenExpired")
    let fresh = try bench.refresh(ticket)
    #expect(fresh.encodedAddress == ticket.encodedAddress)
    let sent = try bench.send("PUT", part, [1, 2, 3], with: fresh)
    #expect(sent.status == 200)
    let list =
      "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\(sent.etag)</ETag></Part>"
      + "</CompleteMultipartUpload>"
    #expect(try bench.send("POST", [("uploadId", id)], Array(list.utf8), with: fresh).status == 200)
    #expect(bench.status(of: ticket) == "Normal")
    let counts = bench.oss.shared.withService { $0.callCounts }
    #expect(counts.count(result: "overwrite refresh") == 0)
  }

  @Test func `DeleteMultipartUpload ends a multipart upload`() throws {
    let bench = try Bench()
    let ticket = try bench.create()
    let id = try #require(try bench.send("POST", [("uploads", "")], with: ticket).xml?["UploadId"])
    #expect(
      bench.call("DeleteMultipartUpload", ["MediaId": ticket.videoID, "MediaType": "video"]).status == 200)
    let part = [("partNumber", "1"), ("uploadId", id)]
    #expect(try bench.send("PUT", part, [1], with: ticket).code == "NoSuchUpload")
  }
}

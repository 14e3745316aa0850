import Testing

@testable import Emulator

/// VOD's calls one by one.
@Suite struct VODCallTests {
  @Test(arguments: Shape.allCases)
  func `a session creates, refreshes and queries a video in every form of request`(_ shape: Shape) throws {
    var cloud = try TestCloud()
    let key = try cloud.assume()
    let created = cloud.send(
      "CreateUploadVideo", ["Title": "Ein Titel ~*", "FileName": "D:\\film.MP4", "ReferenceId": "ref_-1"], as: key,
      shape: shape)
    let ticket = try #require(TestTicket(created))
    #expect(ticket.videoID.utf8.count == 32 && ticket.videoID.allSatisfy(\.isHexDigit))
    #expect(created.body?.text("RequestId").utf8.count == 36)
    #expect(ticket.object.bucket.hasPrefix("outin-") && ticket.object.key.hasSuffix(".mp4"))
    let refreshed = try #require(
      TestTicket(cloud.send("RefreshUploadVideo", ["VideoId": ticket.videoID], as: key, shape: shape)))
    #expect(refreshed.videoID == ticket.videoID && refreshed.encodedAddress == ticket.encodedAddress)
    #expect(refreshed.auth.text("SecurityToken") != ticket.auth.text("SecurityToken"))
    let byReference = try #require(
      TestTicket(cloud.send("RefreshUploadVideo", ["ReferenceId": "ref_-1"], as: key, shape: shape)))
    #expect(byReference.videoID == ticket.videoID && byReference.encodedAddress == ticket.encodedAddress)
    let asked = cloud.send("GetMezzanineInfo", ["VideoId": ticket.videoID], as: key, shape: shape)
    #expect(asked.body?["Mezzanine"]?.text("Status") == "Uploading")
  }

  @Test func `a ticket has a credential for one object, with its expiry`() throws {
    var cloud = try TestCloud()
    let ticket = try cloud.createVideo(as: .idle)
    #expect(ticket.address.text("Endpoint") == "https://oss-cn-test.aliyuncs.com")
    #expect(ticket.auth.text("AccessKeyId") == "STS.grant-1" && ticket.auth.text("AccessKeySecret") == "secret-1")
    #expect(ticket.auth.text("Expiration") == "3000")
    #expect(ticket.auth.text("ExpireUTCTime") == "2026-01-02T03:50:00Z")
    #expect(ticket.auth.text("Region") == "cn-test")
    let other = try cloud.createVideo(as: .idle)
    #expect(other.videoID != ticket.videoID && other.object != ticket.object)
    #expect(other.object.bucket == ticket.object.bucket)
    cloud.service.uploadHost = "127.0.0.1:7"
    let local = try cloud.createVideo(as: .idle)
    #expect(local.address.text("Endpoint") == "https://127.0.0.1:7")
  }

  @Test func `settings decide a ticket's form`() throws {
    var cloud = try TestCloud {
      $0.vod.withScheme = false
      $0.vod.withExpireUTCTime = false
      $0.vod.withRegion = false
      $0.vod.uploadLifetimeSeconds = 10
      $0.vod.endpoint = "oss-cn-beijing.aliyuncs.com"
    }
    cloud.service.uploadHost = "127.0.0.1:7"
    let ticket = try cloud.createVideo(as: .idle)
    #expect(ticket.address.text("Endpoint") == "oss-cn-beijing.aliyuncs.com")
    #expect(ticket.auth.text("Expiration") == "10")
    #expect(ticket.auth["ExpireUTCTime"] == nil && ticket.auth["Region"] == nil)
  }

  @Test func `a video's status follows its object`() throws {
    var cloud = try TestCloud {
      $0.vod.noticeSeconds = 5
      $0.vod.processingSeconds = 20
    }
    let ticket = try cloud.createVideo(["FileSize": "1000"], as: .idle)
    func statuses() -> [String] {
      let mezzanine = cloud.send("GetMezzanineInfo", ["VideoId": ticket.videoID], as: .idle)
      let details = cloud.send("GetUploadDetails", ["MediaIds": ticket.videoID, "MediaType": "video"], as: .idle)
      guard case .list(let list)? = details.body?["UploadDetails"] else { return [] }
      return [mezzanine.body?["Mezzanine"]?.text("Status") ?? ""] + list.map { $0.text("Status") }
        + cloud.service.videos(at: cloud.now).map(\.status)
    }
    #expect(statuses() == ["Uploading", "Uploading", "Uploading"])
    cloud.store.finish(ticket.object, at: cloud.now)
    #expect(statuses() == ["Uploading", "Uploading", "Uploading"])
    cloud.now = cloud.now.advanced(bySeconds: 5)
    #expect(statuses() == ["Uploaded", "UploadSucc", "Uploaded"])
    cloud.now = cloud.now.advanced(bySeconds: 20)
    #expect(statuses() == ["Normal", "Normal", "Normal"])
  }

  @Test func `a mezzanine's size and name are its object's`() throws {
    var cloud = try TestCloud()
    let ticket = try cloud.createVideo(["FileSize": "5"], as: .idle)
    let query = ["VideoId": ticket.videoID]
    #expect(cloud.send("GetMezzanineInfo", query, as: .idle).body?["Mezzanine"]?["Size"] == nil)
    cloud.store.finish(ticket.object, size: 1234, at: cloud.now)
    let answer = cloud.send("GetMezzanineInfo", query, as: .idle)
    #expect(answer.text.contains(#""Size":1234"#))
    let mezzanine = try #require(answer.body?["Mezzanine"])
    #expect(mezzanine.text("Status") == "Normal" && mezzanine.text("VideoId") == ticket.videoID)
    #expect(ticket.object.key.hasSuffix("/" + mezzanine.text("FileName")))
    #expect(mezzanine.text("CreationTime") == "2026-01-02T03:00:00Z")
  }

  @Test func `upload details list known ids and unknown ids separately`() throws {
    var cloud = try TestCloud()
    let (first, second) = (try cloud.createVideo(as: .idle), try cloud.createVideo(as: .idle))
    cloud.store.finish(second.object, size: 77, at: cloud.now)
    let ids = [first.videoID, "nothing", second.videoID].joined(separator: ",")
    let answer = cloud.send("GetUploadDetails", ["MediaIds": ids], as: .idle)
    guard case .list(let details)? = answer.body?["UploadDetails"] else {
      Issue.record("no list: \(answer.text)")
      return
    }
    #expect(details.map { $0.text("MediaId") } == [first.videoID, second.videoID])
    #expect(details.map { $0.text("CompletionTime") } == ["", "2026-01-02T03:00:00Z"])
    #expect(answer.text.contains(#""UploadSize":77"#))
    #expect(answer.text.contains(#""NonExistMediaIds":["nothing"]"#))
  }

  @Test func `an abandoned upload's parts are removed, the video stays`() throws {
    var cloud = try TestCloud()
    let ticket = try cloud.createVideo(as: .idle)
    let query = ["MediaId": ticket.videoID, "MediaType": "video"]
    #expect(cloud.send("DeleteMultipartUpload", query, as: .idle).status == 200)
    #expect(cloud.store.removed == [ticket.object])
    #expect(cloud.send("RefreshUploadVideo", ["VideoId": ticket.videoID], as: .idle).status == 200)
  }

  @Test func `a refresh of a finished video is counted separately`() throws {
    var cloud = try TestCloud()
    let ticket = try cloud.createVideo(as: .idle)
    let query = ["VideoId": ticket.videoID]
    #expect(cloud.send("RefreshUploadVideo", query, as: .idle).status == 200)
    cloud.store.finish(ticket.object, at: cloud.now)
    #expect(cloud.send("RefreshUploadVideo", query, as: .idle).status == 200)
    let counts = cloud.service.callCounts
    #expect(counts.count(action: "RefreshUploadVideo", result: "OK") == 1)
    #expect(counts.count(action: "RefreshUploadVideo", result: "overwrite refresh") == 1)
  }

  @Test func `videos are listed as they were made`() throws {
    var cloud = try TestCloud()
    let details = ["Description": "Über", "UserData": #"{"Extend":{"a":"ü"}}"#]
    let first = try cloud.createVideo(details.merging(["ReferenceId": "first_1"]) { $1 }, as: .idle)
    cloud.now = cloud.now.advanced(bySeconds: 60)
    let second = try cloud.createVideo(["Title": "Zwei", "FileName": "zwei.mkv"], as: .idle)
    _ = cloud.send("RefreshUploadVideo", ["VideoId": first.videoID], as: .idle)
    let videos = cloud.service.videos(at: cloud.now)
    #expect(videos.map(\.id) == [first.videoID, second.videoID])
    #expect(videos.map(\.title) == ["A title", "Zwei"] && videos.map(\.fileName) == ["film.mp4", "zwei.mkv"])
    #expect(videos.map(\.referenceID) == ["first_1", nil] && videos.map(\.object) == [first.object, second.object])
    #expect(videos.map(\.created.isoText) == ["2026-01-02T03:00:00Z", "2026-01-02T03:01:00Z"])
    #expect(videos.map(\.refreshed?.isoText) == ["2026-01-02T03:01:00Z", nil])
    #expect(Dictionary(uniqueKeysWithValues: videos[0].details.map { ($0.name, $0.value) }) == details)
  }

  @Test func `without Format the answer is XML`() throws {
    var cloud = try TestCloud()
    let draft = Draft(
      action: "CreateUploadVideo", parameters: ["Title": "a", "FileName": "a.mp4", "Format": "XML"], nonce: "n",
      time: cloud.now.isoText, version: "2017-03-21")
    let text = cloud.send(draft.signed(by: .idle, shape: .v1Get)).text
    #expect(text.contains("<CreateUploadVideoResponse>") && text.contains("<UploadAuth>"))
  }
}

import Testing

@testable import Emulator

/// Who may call VOD, how often, and which faults affect it.
@Suite struct VODAccessTests {
  static func policy(_ actions: String) -> String {
    #"{"Version":"1","Statement":[{"Effect":"Allow","Action":[\#(actions)],"Resource":"*"}]}"#
  }

  /// Makes every call, about the first video; returns the answers' codes.
  private func codes(_ cloud: inout TestCloud, as key: Key) throws -> [String: String] {
    let id = try #require(cloud.service.videos(at: cloud.now).first).id
    let calls = [
      "CreateUploadVideo": ["Title": "a", "FileName": "a.mp4"], "RefreshUploadVideo": ["VideoId": id],
      "GetMezzanineInfo": ["VideoId": id], "GetUploadDetails": ["MediaIds": id],
      "DeleteMultipartUpload": ["MediaId": id, "MediaType": "video"],
    ]
    return Dictionary(uniqueKeysWithValues: calls.map { ($0, cloud.send($0, $1, as: key).code) })
  }

  @Test func `a session policy that allows one call denies every other with NoPermission`() throws {
    var cloud = try TestCloud()
    _ = try cloud.createVideo(as: .idle)
    let narrow = try cloud.assume("uploader", ["Policy": Self.policy(#""vod:CreateUploadVideo""#)])
    #expect(
      try codes(&cloud, as: narrow) == [
        "CreateUploadVideo": "", "RefreshUploadVideo": "NoPermission", "GetMezzanineInfo": "NoPermission",
        "GetUploadDetails": "NoPermission", "DeleteMultipartUpload": "NoPermission",
      ])
    let answer = cloud.send("RefreshUploadVideo", ["VideoId": "none"], as: narrow)
    #expect(answer.status == 403, "a caller without permission doesn't learn what exists")
  }

  @Test func `a role may do what its policy allows, and a session policy adds nothing`() throws {
    var cloud = try TestCloud { model in
      var account = model.accounts[TestCloud.account]!
      account.roles["uploader"]?.policies = [Policy.system["AliyunVODUploadAuth"]!]
      model.add(account)
      model.vod.permissionError = "Forbidden.RAM"
    }
    _ = try cloud.createVideo(as: .idle)
    for policy in [nil, Self.policy(#""*""#)] {
      let key = try cloud.assume("uploader", policy.map { ["Policy": $0] } ?? [:])
      #expect(
        try codes(&cloud, as: key) == [
          "CreateUploadVideo": "", "RefreshUploadVideo": "", "GetMezzanineInfo": "Forbidden.RAM",
          "GetUploadDetails": "Forbidden.RAM", "DeleteMultipartUpload": "Forbidden.RAM",
        ])
    }
    let stranger = try cloud.assume("long")
    #expect(cloud.send("CreateUploadVideo", as: stranger).code == "Forbidden.RAM")
    #expect(cloud.send("CreateUploadVideo", as: .keeper).code == "Forbidden.RAM")
    #expect(try cloud.createVideo(as: .root).videoID.utf8.count == 32)
  }

  @Test func `an account doesn't see another's videos, and has its own reference ids`() throws {
    var cloud = try TestCloud()
    let ticket = try cloud.createVideo(["ReferenceId": "shared-1"], as: .idle)
    for action in ["RefreshUploadVideo", "GetMezzanineInfo"] {
      #expect(cloud.send(action, ["VideoId": ticket.videoID], as: .other).code == "InvalidVideo.NotFound")
      #expect(cloud.send(action, ["ReferenceId": "shared-1"], as: .other).code == "InvalidVideo.NotFound")
    }
    let deletion = ["MediaId": ticket.videoID, "MediaType": "video"]
    #expect(cloud.send("DeleteMultipartUpload", deletion, as: .other).code == "InvalidVideo.NotFound")
    let details = cloud.send("GetUploadDetails", ["MediaIds": ticket.videoID], as: .other)
    #expect(details.text.contains(#""NonExistMediaIds":["\#(ticket.videoID)"]"#))
    let other = try cloud.createVideo(["ReferenceId": "shared-1"], as: .other)
    #expect(other.videoID != ticket.videoID && other.object.bucket != ticket.object.bucket)
  }

  @Test func `an expired or forged session is refused`() throws {
    var cloud = try TestCloud()
    var key = try cloud.assume()
    key.secret += "x"
    #expect(cloud.send("CreateUploadVideo", as: key).code == "SignatureDoesNotMatch")
    key = try cloud.assume()
    cloud.now = cloud.now.advanced(bySeconds: 3600)
    #expect(cloud.send("CreateUploadVideo", as: key).code == "InvalidSecurityToken.Expired")
    key.token = nil
    #expect(cloud.send("CreateUploadVideo", as: key).code == "MissingSecurityToken")
  }

  @Test func `each service has its own operations`() throws {
    var cloud = try TestCloud()
    for (action, version) in [("AssumeRole", "2017-03-21"), ("CreateUploadVideo", "2015-04-01")] {
      for shape in [Shape.v1Query, .v3Query] {
        let draft = Draft(
          action: action, parameters: [:], nonce: "\(action) \(shape)", time: cloud.now.isoText, version: version)
        #expect(cloud.send(draft.signed(by: .keeper, shape: shape)).code == "InvalidAction.NotFound")
      }
    }
  }

  struct Quota: Sendable, CustomTestStringConvertible {
    let action: String
    let region: String
    let limit: Int

    var testDescription: String { "\(action) in \(region)" }
  }

  @Test(arguments: [
    Quota(action: "CreateUploadVideo", region: "cn-shanghai", limit: 80),
    Quota(action: "RefreshUploadVideo", region: "cn-hongkong", limit: 40),
    Quota(action: "GetUploadDetails", region: "cn-shanghai", limit: 100),
    Quota(action: "DeleteMultipartUpload", region: "cn-shanghai", limit: 10),
  ])
  func `an account has a rate per operation`(_ row: Quota) throws {
    var cloud = try TestCloud(region: row.region)
    for _ in 0..<row.limit { #expect(cloud.send(row.action, as: .idle).code.hasPrefix("Missing")) }
    let refused = cloud.send(row.action, as: .root)
    #expect(refused.code == "Throttling.User" && refused.status == 400)
    #expect(cloud.send("GetMezzanineInfo", as: .idle).code == "MissingVideoId")
    #expect(cloud.send(row.action, as: .other).code.hasPrefix("Missing"))
    cloud.now = cloud.now.advanced(bySeconds: 1)
    #expect(cloud.send(row.action, as: .idle).code.hasPrefix("Missing"))
  }

  @Test func `a rate can be set, which restarts the count`() throws {
    var cloud = try TestCloud { $0.vod.callsPerSecond = ["CreateUploadVideo": 1] }
    _ = try cloud.createVideo(as: .idle)
    #expect(cloud.send("CreateUploadVideo", as: .idle).code == "Throttling.User")
    cloud.service.model.vod.callsPerSecond = ["CreateUploadVideo": 2]
    for _ in 0..<2 { _ = try cloud.createVideo(as: .idle) }
    #expect(cloud.send("CreateUploadVideo", as: .idle).code == "Throttling.User")
  }

  @Test func `a fault on a role affects the VOD calls of its sessions`() throws {
    var cloud = try TestCloud()
    let (uploader, long) = (try cloud.assume("uploader"), try cloud.assume("long"))
    cloud.service.faults.add(Fault(.error(.userThrottled, retryAfterMilliseconds: 300), role: "uploader", count: 1))
    #expect(cloud.send("CreateUploadVideo", as: long).code == "NoPermission")
    #expect(cloud.send("CreateUploadVideo", as: .idle).code == "MissingTitle")
    let met = cloud.send("CreateUploadVideo", as: uploader)
    #expect(met.code == "Throttling.User" && met.reply.answer.header("x-acs-retry-after") == "300")
    #expect(cloud.service.callCounts.count(action: "CreateUploadVideo", role: "uploader") == 1)
    #expect(cloud.service.callCounts.recent.last?.sessionName == "session")
  }

  @Test func `a fault affects only the AccessKeyId and the call it names`() throws {
    var cloud = try TestCloud()
    let (first, second) = (try cloud.assume(), try cloud.assume())
    let unavailable = Fault.Kind.error(.unavailable, retryAfterMilliseconds: nil)
    cloud.service.faults.add(Fault(unavailable, action: "RefreshUploadVideo", keyID: first.id))
    let ticket = try cloud.createVideo(as: first)
    let query = ["VideoId": ticket.videoID]
    #expect(cloud.send("RefreshUploadVideo", query, as: first).status == 503)
    #expect(cloud.send("RefreshUploadVideo", query, as: second).status == 200)
  }

  @Test func `a call whose answer is lost was carried out`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.lostAnswer, action: "CreateUploadVideo", count: 1))
    let given = ["Title": "a", "FileName": "a.mp4", "ReferenceId": "lost-1"]
    #expect(cloud.send("CreateUploadVideo", given, as: .idle).reply.manner == .refused)
    #expect(cloud.service.callCounts.count(action: "CreateUploadVideo", result: "lost") == 1)
    #expect(cloud.service.videos(at: cloud.now).map(\.referenceID) == ["lost-1"])
    #expect(TestTicket(cloud.send("RefreshUploadVideo", ["ReferenceId": "lost-1"], as: .idle)) != nil)
  }

  @Test func `a fault affects only one of the services that share a port`() throws {
    var cloud = try TestCloud()
    let unavailable = Fault.Kind.error(.unavailable, retryAfterMilliseconds: nil)
    cloud.service.faults.add(Fault(unavailable, service: .vod))
    #expect(cloud.send("GetCallerIdentity").status == 200)
    #expect(cloud.send("CreateUploadVideo", as: .idle).status == 503)
    cloud.service.faults.removeAll()
    cloud.service.faults.add(Fault(unavailable, service: .sts))
    #expect(cloud.send("GetCallerIdentity").status == 503)
    #expect(cloud.send("CreateUploadVideo", as: .idle).code == "MissingTitle")
    var list = FaultList()
    list.add(Fault(.unreachable, count: 1, service: .vod))
    var isMet: [Bool] = []
    for service in [Fault.Service.oss, .sts] { isMet.append(list.takeUnreachable(from: "127.0.0.1", to: service)) }
    #expect(isMet == [false, true])
  }

  @Test func `an error has VOD's wording and product`() throws {
    var cloud = try TestCloud()
    cloud.service.faults.add(Fault(.error(.internalError, retryAfterMilliseconds: nil), count: 1))
    let answer = cloud.send("CreateUploadVideo", as: .idle)
    #expect(answer.status == 500 && answer.code == "InternalError" && !answer.message.contains("STS"))
    #expect(answer.body?.text("Recommend").contains("product=vod") == true)
    #expect(answer.body?.text("RequestId") == answer.reply.answer.header("x-acs-request-id"))
  }
}

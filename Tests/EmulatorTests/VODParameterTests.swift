import Testing

@testable import Emulator

/// The limits of VOD's parameters and the errors beyond them.
@Suite struct VODParameterTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let parameter: String
    let value: String
    let expect: String

    init(_ name: String, _ parameter: String, _ value: String, _ expect: String = "") {
      self.name = name
      self.parameter = parameter
      self.value = value
      self.expect = expect
    }

    var testDescription: String { name }
  }

  static func text(_ count: Int, of character: String = "a") -> String { String(repeating: character, count: count) }

  @Test(arguments: [
    Case("a title of 128", "Title", text(128, of: "ü")),
    Case("a title of 129", "Title", text(129), "LengthExceededMax"),
    Case("no title", "Title", "", "MissingTitle"),
    Case("an emoji in the title", "Title", "a 🎬", "IllegalCharacters"),
    Case("a watch in the title", "Title", "⌚", "IllegalCharacters"),
    Case("Chinese in the title", "Title", "视频：第一集"),
    Case("a description of 1024", "Description", text(1024)),
    Case("a description of 1025", "Description", text(1025), "LengthExceededMax"),
    Case("an emoji in the description", "Description", "🎬", "IllegalCharacters"),
    Case("16 tags of 32", "Tags", Array(repeating: text(32), count: 16).joined(separator: ",")),
    Case("17 tags", "Tags", Array(repeating: "a", count: 17).joined(separator: ","), "TagsExceededMax"),
    Case("a tag of 33", "Tags", "a," + text(33), "LengthExceededMax"),
    Case("an emoji in a tag", "Tags", "a,🎬", "IllegalCharacters"),
    Case("no file name", "FileName", "", "MissingFileName"),
    Case("an extension in capitals", "FileName", "film.MKV"),
    Case("a path", "FileName", "/videos/a.b/film.mp3"),
    Case("a file name without extension", "FileName", "film", "InvalidFileName.Extension"),
    Case("an extension that VOD doesn't take", "FileName", "film.mp4.txt", "InvalidFileName.Extension"),
    Case("a dot at the end", "FileName", "film.", "InvalidFileName.Extension"),
    Case("a file of nothing", "FileSize", "0"),
    Case("a large file", "FileSize", "52776558133248"),
    Case("a size that is no number", "FileSize", "1k", "InvalidParameter.FileSize"),
    Case("a negative size", "FileSize", "-1", "InvalidParameter.FileSize"),
    Case("a size that doesn't fit", "FileSize", "9223372036854775808", "InvalidParameter.FileSize"),
    Case("a category", "CateId", "6771111"),
    Case("a category that is no number", "CateId", "films", "InvalidParameter.CateId"),
    Case("a flag", "EnableFirstFrameCover", "true"),
    Case("a flag that is none", "GenerateThumbnail", "1", "InvalidParameter.GenerateThumbnail"),
    Case("a reference id of 6", "ReferenceId", "a-_Z09"),
    Case("a reference id of 64", "ReferenceId", text(64)),
    Case("a reference id of 5", "ReferenceId", text(5), "InvalidParameter.ReferenceId"),
    Case("a reference id of 65", "ReferenceId", text(65), "InvalidParameter.ReferenceId"),
    Case("a reference id with a dot", "ReferenceId", "abc.def", "InvalidParameter.ReferenceId"),
    Case("a reference id beyond ASCII", "ReferenceId", "äöüäöü", "InvalidParameter.ReferenceId"),
    Case("user data", "UserData", #"{"Extend":{"localId":"ü"}}"#),
    Case("user data that isn't JSON", "UserData", "localId", "InvalidParameter.UserData"),
    Case("a template group", "TemplateGroupId", "known"),
    Case("a template group that isn't there", "TemplateGroupId", "other", "InvalidTemplateGroupId.NotFound"),
    Case("a storage location", "StorageLocation", "out-1.oss-cn-shanghai.aliyuncs.com"),
    Case(
      "a storage location that isn't there", "StorageLocation", "out-2.oss-cn-shanghai.aliyuncs.com",
      "InvalidStorage.NotFound"),
    Case("a workflow, an application and a cover", "WorkflowId", "405477f9e21"),
  ])
  func `CreateUploadVideo's parameters have their limits`(_ row: Case) throws {
    for shape in [Shape.v1Query, .v3Query] {
      var cloud = try TestCloud {
        $0.vod.templateGroups = ["known"]
        $0.vod.storageLocations = ["out-1.oss-cn-shanghai.aliyuncs.com"]
      }
      let given = ["Title": "a", "FileName": "a.mp4"].merging([row.parameter: row.value]) { $1 }
      let answer = cloud.send("CreateUploadVideo", given, as: .idle, shape: shape)
      #expect(answer.code == row.expect, "\(answer.message)")
      #expect(cloud.service.videos(at: cloud.now).count == (row.expect.isEmpty ? 1 : 0))
    }
  }

  @Test func `a storage location names the bucket`() throws {
    var cloud = try TestCloud { $0.vod.storageLocations = ["out-1.oss-cn-shanghai.aliyuncs.com"] }
    let ticket = try cloud.createVideo(["StorageLocation": "out-1.oss-cn-shanghai.aliyuncs.com"], as: .idle)
    #expect(ticket.object.bucket == "out-1")
  }

  @Test func `lengths may be counted in bytes`() throws {
    var cloud = try TestCloud { $0.vod.countsBytes = true }
    let given = ["FileName": "a.mp4", "Title": Self.text(64, of: "ü")]
    #expect(cloud.send("CreateUploadVideo", given, as: .idle).status == 200)
    let longer = cloud.send("CreateUploadVideo", given.merging(["Title": Self.text(65, of: "ü")]) { $1 }, as: .idle)
    #expect(longer.code == "LengthExceededMax")
    #expect(longer.message == "The specified Title length has exceeded 128 bytes.")
  }

  struct Call: Sendable, CustomTestStringConvertible {
    let action: String
    let parameters: [String: String]
    let expect: Refusal

    init(_ action: String, _ parameters: [String: String], _ expect: Refusal) {
      self.action = action
      self.parameters = parameters
      self.expect = expect
    }

    var testDescription: String { "\(action) \(parameters)" }
  }

  @Test(arguments: [
    Call("RefreshUploadVideo", [:], .missing("VideoId")),
    Call("RefreshUploadVideo", ["VideoId": "none"], .noSuchVideo),
    Call("RefreshUploadVideo", ["ReferenceId": "nobody"], .noSuchVideo),
    Call("RefreshUploadVideo", ["ReferenceId": "?"], .wronglyFormed("ReferenceId")),
    Call("GetMezzanineInfo", [:], .missing("VideoId")),
    Call("GetMezzanineInfo", ["VideoId": "none"], .noSuchVideo),
    Call("GetUploadDetails", [:], .missing("MediaIds")),
    Call("GetUploadDetails", ["MediaIds": "a", "MediaType": "image"], .mediaType),
    Call(
      "GetUploadDetails", ["MediaIds": Array(repeating: "a", count: 21).joined(separator: ",")], .tooManyMedia),
    Call("DeleteMultipartUpload", ["MediaType": "video"], .missing("MediaId")),
    Call("DeleteMultipartUpload", ["MediaId": "none"], .missing("MediaType")),
    Call("DeleteMultipartUpload", ["MediaId": "none", "MediaType": "image"], .mediaType),
    Call("DeleteMultipartUpload", ["MediaId": "none", "MediaType": "video"], .noSuchVideoToDelete),
  ])
  func `the other calls name the missing or wrong parameter`(_ row: Call) throws {
    var cloud = try TestCloud()
    let answer = cloud.send(row.action, row.parameters, as: .idle)
    #expect(answer.status == row.expect.status && answer.code == row.expect.code)
    #expect(answer.message == row.expect.message)
    #expect(answer.body?.text("Recommend").contains("product=vod") == true)
  }

  @Test func `a reference id that is in use is refused, answered or used again, by setting`() throws {
    let given = ["Title": "a", "FileName": "a.mp4", "ReferenceId": "twice-1"]
    func second(_ setting: VODSettings.RepeatedReference) throws -> (TestCloud, TestTicket, TestAnswer) {
      var cloud = try TestCloud { $0.vod.repeatedReference = setting }
      let first = try cloud.createVideo(given, as: .idle)
      let answer = cloud.send("CreateUploadVideo", given, as: .idle)
      return (cloud, first, answer)
    }
    let (refusing, _, refused) = try second(VODSettings().repeatedReference)
    #expect(refused.code == "InvalidReferenceId.Duplicate" && refused.status == 400)
    #expect(refusing.service.videos(at: refusing.now).count == 1)
    let (_, known, same) = try second(.same)
    #expect(TestTicket(same)?.videoID == known.videoID && TestTicket(same)?.encodedAddress == known.encodedAddress)
    let (accepted, old, another) = try second(.another)
    var accepting = accepted
    let new = try #require(TestTicket(another))
    #expect(new.videoID != old.videoID && accepting.service.videos(at: accepting.now).count == 2)
    let refreshed = accepting.send("RefreshUploadVideo", ["ReferenceId": "twice-1"], as: .idle)
    #expect(TestTicket(refreshed)?.videoID == new.videoID)
  }
}

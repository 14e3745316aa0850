import Testing

@testable import Emulator

@Suite struct VODSettingsTests {
  @Test func `the table has all settings`() throws {
    let model = try AccountModel(
      toml: """
        [vod]
        endpoint = "oss-cn-beijing.aliyuncs.com"
        with_scheme = false
        upload_lifetime = "10s"
        with_expire_utc_time = false
        with_region = false
        repeated_reference = "another"
        count_bytes = true
        permission_error = "Forbidden.RAM"
        template_groups = ["group"]
        storage_locations = ["out-1.oss-cn-beijing.aliyuncs.com"]
        notice_delay = "3s"
        processing_time = "1min"
        calls_per_second = { CreateUploadVideo = 5, GetMezzanineInfo = 7 }
        """)
    var expected = VODSettings()
    expected.endpoint = "oss-cn-beijing.aliyuncs.com"
    expected.withScheme = false
    expected.uploadLifetimeSeconds = 10
    expected.withExpireUTCTime = false
    expected.withRegion = false
    expected.repeatedReference = .another
    expected.countsBytes = true
    expected.permissionError = "Forbidden.RAM"
    expected.templateGroups = ["group"]
    expected.storageLocations = ["out-1.oss-cn-beijing.aliyuncs.com"]
    expected.noticeSeconds = 3
    expected.processingSeconds = 60
    expected.callsPerSecond = ["CreateUploadVideo": 5, "GetMezzanineInfo": 7]
    #expect(model.vod == expected)
    #expect(try AccountModel(toml: "[accounts.1]").vod == VODSettings())
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let expect: String

    init(_ text: String, _ expect: String) {
      self.text = text
      self.expect = expect
    }

    var testDescription: String { text }
  }

  @Test(arguments: [
    Case("vod = 1", "configuration line 1: 'vod' is a table"),
    Case("[vod]\nupload_lifetime = \"0s\"", "configuration line 1: 'upload_lifetime' is at least 1s"),
    Case(
      "[vod]\nrepeated_reference = \"maybe\"",
      "configuration line 1: 'repeated_reference' is one of refuse, same, another"),
    Case(
      "[vod]\ncalls_per_second = { CreateUploadVideo = 0 }",
      "configuration line 2: 'CreateUploadVideo' is 1 to 1000000 calls a second"),
    Case("[vod]\nwith_region = \"yes\"", "configuration line 2: 'with_region' is true or false"),
  ])
  func `an error is reported with its line`(_ row: Case) throws {
    let error = try #require(throws: AccountModelError.self) { try AccountModel(toml: row.text) }
    #expect(error.description == row.expect)
  }

  @Test func `an unknown setting is refused`() throws {
    for text in ["[vod]\nregoin = \"a\"", "[vod.calls_per_second]\nCreateVideo = 1"] {
      let error = try #require(throws: AccountModelError.self) { try AccountModel(toml: text) }
      #expect(error.line == 2 && error.problem.contains("means nothing here"))
    }
  }
}

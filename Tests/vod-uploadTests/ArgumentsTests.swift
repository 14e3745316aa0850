import CommandInterface
import Core
import TestSupport
import Testing
import Upload

@testable import vod_upload

@Suite struct ArgumentsTests {
  private func arguments(_ words: [String]) throws -> Arguments {
    try Arguments(try CommandWords<Option>(words.map { Array($0.utf8) }))
  }

  private func arguments(_ words: String...) throws -> Arguments { try arguments(words) }

  /// The sentence that these words are refused with; nil when they are taken.
  private func refusal(_ words: [String]) -> String? {
    do {
      _ = try arguments(words)
      return nil
    } catch { return "\(error)" }
  }

  @Test func `options and files may come in any order, with values behind an equals sign or as the next word`() throws {
    let arguments = try arguments("--jobs", "2", "a.mp4", "--wait=1min30s", "--role", "uploader", "b", "--json")
    #expect(arguments.jobs == 2 && arguments.wait == .seconds(90) && arguments.role == "uploader" && arguments.isJSON)
    #expect(arguments.files == [Array("a.mp4".utf8), Array("b".utf8)])
  }

  @Test func `defaults are those of the help`() throws {
    let arguments = try arguments("a.mp4")
    #expect(arguments.role == nil && arguments.region == nil && arguments.limitRate == nil && arguments.proxy == nil)
    #expect(arguments.vodEndpoint == "vod.cn-shanghai.aliyuncs.com" && arguments.journal == "vod-upload.journal")
    #expect(arguments.jobs == 4 && arguments.parts == 4 && arguments.tries == 8 && arguments.callsPerSecond == 20)
    #expect(arguments.partSize == 16 << 20 && arguments.multipartThreshold == 16 << 20)
    #expect(arguments.signature == .v4 && !arguments.allowsMissingCRC && !arguments.retriesUnconfirmed)
  }

  @Test func `a region determines VOD's endpoint, and a given endpoint takes precedence`() throws {
    #expect(try arguments("--region", "ap-southeast-1", "a").vodEndpoint == "vod.ap-southeast-1.aliyuncs.com")
    let both = try arguments("--region=cn-beijing", "--vod-endpoint=127.0.0.1:8443", "a")
    #expect(both.vodEndpoint == "127.0.0.1:8443" && both.region == "cn-beijing")
  }

  @Test func `sizes, rates and numbers are read with their units`() throws {
    let arguments = try arguments(
      "--part-size", "5GiB", "--multipart-threshold=0B", "--limit-rate", "10MB/s", "--calls-per-second", "2.5",
      "--settle=2s", "--watch", "in")
    #expect(arguments.partSize == 5 << 30 && arguments.multipartThreshold == 0)
    #expect(arguments.limitRate == 10_000_000 && arguments.callsPerSecond == 2.5)
    #expect(arguments.settle == .seconds(2) && arguments.watched == ["in"] && arguments.files.isEmpty)
  }

  @Test func `a file name is taken byte by byte, and nothing after two hyphens is an option`() throws {
    let name: [UInt8] = [0x61, 0xFF, 0x2E, 0x6D, 0x70, 0x34]
    #expect(try Arguments(try CommandWords<Option>([name])).files == [name])
    #expect(try arguments("--", "--json").files == [Array("--json".utf8)])
    #expect(throws: Arguments.Wrong.self) { try CommandWords<Option>([Array("--journal".utf8), name]) }
  }

  @Test func `video options apply to each video`() throws {
    let arguments = try arguments(
      "--title", "T", "--description=D", "--tags", "a,b", "--cate-id", "17", "--cover-url", "https://e.example/c.png",
      "--template-group-id", "t", "--workflow-id", "w", "--storage-location", "s", "--user-data", #"{"a":1}"#,
      "--app-id",
      "app-1", "--enable-first-frame-cover", "--generate-thumbnail", "f.mp4")
    var expected = VideoMetadata()
    expected.title = "T"
    expected.description = "D"
    expected.tags = ["a", "b"]
    expected.categoryID = 17
    expected.coverURL = "https://e.example/c.png"
    expected.templateGroupID = "t"
    expected.workflowID = "w"
    expected.storageLocation = "s"
    expected.userData = #"{"a":1}"#
    expected.appID = "app-1"
    expected.enableFirstFrameCover = true
    expected.generateThumbnail = true
    #expect(arguments.metadata == expected)
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let words: String
    let says: String
    var testDescription: String { words }
  }

  @Test(arguments: [
    Case(words: "", says: "name files or directories to upload"),
    Case(words: "--json", says: "name files or directories to upload"),
    Case(words: "a --rolle x", says: "there is no option '--rolle'; did you mean '--role'?"),
    Case(words: "a --job 3", says: "did you mean '--jobs'?"),
    Case(words: "a --part_size 3MiB", says: "did you mean '--part-size'?"),
    Case(words: "a --colour", says: "there is no option '--colour'; see 'vod-upload --help'"),
    Case(words: "a --access-key-id LTAI", says: "there is no option '--access-key-id'"),
    Case(words: "a --jobs", says: "'--jobs' needs a value"),
    Case(words: "a --json=yes", says: "'--json' takes no value"),
    Case(words: "a --jobs 0", says: "'--jobs' is '0'; allowed are 1 to 16"),
    Case(words: "a --jobs 17", says: "'--jobs' is '17'; allowed are 1 to 16"),
    Case(words: "a --jobs +4", says: "'--jobs' is '+4'"),
    Case(words: "a --parts x", says: "'--parts' is 'x'; allowed are 1 to 16"),
    Case(words: "a --tries 101", says: "'--tries' is '101'; allowed are 1 to 100"),
    Case(words: "a --part-size 99KiB", says: "'--part-size' is '99KiB'; allowed are 100KiB to 5GiB"),
    Case(words: "a --part-size 6GiB", says: "allowed are 100KiB to 5GiB"),
    Case(words: "a --part-size 16", says: "'--part-size' is '16'; write a size such as 16MiB"),
    Case(words: "a --multipart-threshold 6GB", says: "allowed are 0B to 5GiB"),
    Case(words: "a --limit-rate 10MB", says: "write a rate such as 10MB/s"),
    Case(words: "a --limit-rate 9kB/s", says: "at least 10kB/s"),
    Case(words: "a --calls-per-second 0", says: "allowed are 0.1 to 10000"),
    Case(words: "a --calls-per-second nan", says: "allowed are 0.1 to 10000"),
    Case(words: "a --wait 90", says: "'--wait' is '90'; write a time such as 10s"),
    Case(words: "a --settle 3s", says: "'--settle' goes with '--watch'"),
    Case(words: "a --watch b", says: "'--watch' goes with no other files"),
    Case(words: "a --watch=", says: "'--watch' is empty; write a path"),
    Case(words: "a --role Up/load", says: "'Up/load' can't be a role's name"),
    Case(words: "a --region shanghai", says: "'--region' is 'shanghai'; write a region such as cn-shanghai"),
    Case(words: "a --vod-endpoint https://x", says: "without https://"),
    Case(words: "a --signature v2", says: "write v4 or v1"),
    Case(words: "a --cate-id x", says: "'--cate-id' is 'x'; write a category's number"),
    Case(words: "a --user-data x", says: "'--user-data' isn't a JSON object; write one such as {"),
    Case(words: "a --tags a,,b", says: "'--tags' has no text in its tag 2; allowed are 1 to 32 characters"),
    Case(words: "a --report out.txt", says: "ends in neither .csv nor .json"),
    Case(words: "a --proxy socks5://p:1", says: "'--proxy' isn't an HTTP proxy; write http://HOST:PORT, or none"),
    Case(words: "a --proxy http://p", says: "'--proxy' doesn't name host and port"),
  ])
  func `an error is reported with what to write instead`(_ row: Case) throws {
    let said = try #require(refusal(row.words.split(separator: " ").map(String.init)))
    #expect(said.contains(row.says), "\(said)")
  }

  @Test func `a title that is too long for VOD is refused before anything is done`() {
    #expect(
      refusal(["--title", String(repeating: "x", count: 129), "a"])?.contains(
        "'--title' has 129 characters; allowed are 1 to 128") == true)
  }

  @Test func `a proxy's password isn't taken from the command line, and isn't repeated`() throws {
    let said = try #require(refusal(["a", "--proxy", "http://me:sesame@proxy:3128"]))
    #expect(said.contains("put it in https_proxy") && !said.contains("sesame"))
  }
}

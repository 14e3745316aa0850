import Core
import Logs
import SystemBox
import Systemd
import Testing

extension UnderSystemd {
  @Suite struct JournalFieldTests {
    /// One of each name.
    private static let fields: [LogField] = [
      .role("every-field"), .scope(RoleName("task")!), .generation(7), .expires(UTCTime(seconds: 1_800_000_000)),
      .remaining(.seconds(60)),
      .code("NoPermission"), .advice("allow this account"), .next(in: .seconds(5)), .count(3), .total(4), .uid(1000),
      .pid(4242), .user("reader"), .program("curl"), .path("a/b"), .source("main"), .arn("acs:ram::1:user/keeper"),
      .endpoint("sts.example.com:443"), .found("mode 0644"), .reason("one line\nand another"), .result("done"),
      .seconds(.seconds(9)), .unit(UnitName("app.service")!), .via(.socket), .owner(1), .group(2), .mode(0o440),
      .accessKeyID("STS.every-field"), .httpStatus(403), .requestID("5F2C"),
      .previousARN("acs:ram::1:user/keeper-before"), .host("web7.prod.example"), .shard(3),
    ]

    /// The journal drops a field whose name it doesn't like, and the sender gets no error.
    @Test(arguments: Release.all)
    func `the journal keeps every field of a line`(_ release: Release) throws {
      try #require(Set(Self.fields.map(\.name)) == Set(LogField.Name.allCases))
      let service = try Service(under: release)
      let line = LogLine(.handedOut, Self.fields, level: .info)
      #expect(JournalEntry(line).send(to: try service.box.journalSocket))
      var found = ""
      #expect(
        try eventually {
          found = try service.journal.read("--output=json MESSAGE_ID=\(line.event.id)")
          return found != ""
        })
      let expected =
        [("MESSAGE", line.text), ("PRIORITY", "6"), ("UNIT", "app.service")]
        + Self.fields.map { ($0.name.inJournal, $0.value) }
      for (name, value) in expected {
        let quoted = value.replacing("\\", with: #"\\"#).replacing("\"", with: #"\""#).replacing("\n", with: #"\n"#)
        #expect(found.contains("\"\(name)\":\"\(quoted)\""), "\(name) in \(found)")
      }
      #expect(found.split(separator: "\n").count == 1)
    }
  }
}

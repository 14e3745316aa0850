import CloudAPI
import Secrets
import Testing

@Suite struct AccessKeyFileTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    var testDescription: String { name }
  }

  static let id = "LTAI5tExampleKeyId"
  static let value = "ExampleSecretWith30Characters+"

  @Test(arguments: [
    Case(name: "CSV", text: "AccessKey ID,AccessKey Secret\n\(id),\(value)\n"),
    Case(name: "CSV, mark and CRLF", text: "\u{FEFF}AccessKey ID,AccessKey Secret\r\n\(id),\(value)\r\n\r\n"),
    Case(name: "CSV, quoted", text: "\"AccessKey ID\",\"AccessKey Secret\"\n\"\(id)\",\"\(value)\""),
    Case(name: "CSV, one word", text: "AccessKeyId,AccessKeySecret\n\(id),\(value)"),
    Case(
      name: "CSV with other columns",
      text:
        "User Logon Name,Display Name,AccessKey Secret,AccessKey ID\nbot@1.onaliyun.com,\"Bot, the\",\(value), \(id) \n"
    ),
    Case(name: "JSON", text: #"{"AccessKeyId":"\#(id)","AccessKeySecret":"\#(value)"}"#),
    Case(
      name: "JSON, snake case",
      text:
        "\n {\"access_key_id\": \"\(id)\",\n \"access_key_secret\": \"\(value)\", \"sts_token\": \"\", \"mode\": \"AK\"}\n"
    ),
    Case(
      name: "JSON as CreateAccessKey answers",
      text: #"{"RequestId":"1","AccessKey":{"AccessKeyId":"\#(id)","AccessKeySecret":"\#(value)","Status":"Active"}}"#),
    Case(
      name: "lines",
      text:
        "ALIBABA_CLOUD_ACCESS_KEY_ID=\(id)\nALIBABA_CLOUD_ACCESS_KEY_SECRET=\(value)\nALIBABA_CLOUD_REGION=cn-shanghai\n"
    ),
    Case(
      name: "lines as for a shell",
      text:
        "# the key, of 2026\n\nexport ALIYUN_ACCESS_KEY_ID='\(id)'\r\n  export ALIYUN_ACCESS_KEY_SECRET=\"\(value)\""),
    Case(name: "lines, bare names", text: "AccessKeyId = \(id)\nAccessKeySecret = \(value)"),
  ])
  func `each form of the file is read`(_ row: Case) throws {
    let key = try AccessKeyFile.parse(Array(row.text.utf8).span)
    #expect(key.id == Self.id)
    #expect(key.secret.text == Self.value)
  }

  struct BadCase: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let problem: AccessKeyFileError.Problem
    var line: Int?
    var testDescription: String { name }
  }

  @Test(arguments: [
    BadCase(name: "empty", text: "", problem: .empty),
    BadCase(name: "blank", text: " \r\n\t\n", problem: .empty),
    BadCase(name: "too long", text: String(repeating: "#\n", count: 40_000), problem: .tooLong),
    BadCase(name: "CSV, header only", text: "AccessKey ID,AccessKey Secret\n", problem: .missing(.id)),
    BadCase(name: "CSV, half a row", text: "AccessKey ID,AccessKey Secret\n\(id)", problem: .missing(.secret)),
    BadCase(name: "CSV, empty field", text: "AccessKey ID,AccessKey Secret\n\(id),", problem: .missing(.secret)),
    BadCase(name: "CSV, no header", text: "\(id),\(value)\n", problem: .noColumn(.id), line: 1),
    BadCase(name: "CSV, no secret column", text: "AccessKey ID,Name\na,b\n", problem: .noColumn(.secret), line: 1),
    BadCase(name: "CSV, two keys", text: "AccessKey ID,AccessKey Secret\na,b\n\nc,d", problem: .secondKey, line: 4),
    BadCase(
      name: "CSV, half a quote", text: "AccessKey ID,AccessKey Secret\n\(id),\"\(value)", problem: .malformed(.secret),
      line: 2),
    BadCase(
      name: "JSON, cut off", text: "{\"AccessKeyId\":\"\(id)\",\n\"AccessKeySecret\":\"Examp",
      problem: .notJSON(reason: "column 25: the text ends in the middle"), line: 2),
    BadCase(name: "JSON, no secret", text: #"{"AccessKeyId":"\#(id)"}"#, problem: .missing(.secret)),
    BadCase(
      name: "JSON, number", text: "{\"AccessKeyId\":\"\(id)\",\n\"AccessKeySecret\":12}", problem: .malformed(.secret),
      line: 2),
    BadCase(
      name: "JSON, two spellings", text: "{\"AccessKeyId\":\"a\",\n\"access_key_id\":\"b\",\"AccessKeySecret\":\"c\"}",
      problem: .twice(.id), line: 2),
    BadCase(
      name: "JSON with token",
      text: "{\"AccessKeyId\":\"\(id)\",\"AccessKeySecret\":\"\(value)\",\n\"SecurityToken\":\"x\"}",
      problem: .temporary, line: 2),
    BadCase(name: "STS id", text: "AccessKeyId=STS.Nabc\nAccessKeySecret=\(value)", problem: .temporary, line: 1),
    BadCase(
      name: "lines with token", text: "AccessKeyId=\(id)\nAccessKeySecret=\(value)\nALIBABA_CLOUD_SECURITY_TOKEN=x",
      problem: .temporary, line: 3),
    BadCase(name: "lines, id only", text: "ALIBABA_CLOUD_ACCESS_KEY_ID=\(id)\n", problem: .missing(.secret)),
    BadCase(name: "lines, secret only", text: "ALIBABA_CLOUD_ACCESS_KEY_SECRET=\(value)\n", problem: .missing(.id)),
    BadCase(
      name: "lines, twice", text: "AccessKeyId=a\nAccessKeySecret=b\nAccessKeySecret=c", problem: .twice(.secret),
      line: 3),
    BadCase(name: "lines, no name", text: "AccessKeyId=a\n\(value)", problem: .notAnAssignment, line: 2),
    BadCase(
      name: "lines, blank inside", text: "AccessKeyId=a\nAccessKeySecret=\(value) # x", problem: .malformed(.secret),
      line: 2),
    BadCase(name: "lines, comment only", text: "# AccessKeyId=a, AccessKeySecret=b", problem: .missing(.id)),
    BadCase(name: "binary", text: "\u{0}\u{1}\u{2}", problem: .notAnAssignment, line: 1),
  ])
  func `a file that isn't one whole key is refused with its line`(_ row: BadCase) {
    #expect(throws: AccessKeyFileError(row.problem, line: row.line)) {
      _ = try AccessKeyFile.parse(Array(row.text.utf8).span)
    }
  }

  @Test func `no cut of a file is read as a key with another id`() {
    let whole = "{\"AccessKeyId\":\"\(Self.id)\",\"AccessKeySecret\":\"\(Self.value)\"}"
    for length in 0..<whole.utf8.count {
      #expect(throws: AccessKeyFileError.self) {
        _ = try AccessKeyFile.parse(Array(String(whole.utf8.prefix(length))!.utf8).span)
      }
    }
  }

  @Test func `a message names line and cure, and no value`() {
    let text = "AccessKeyId=a\nAccessKeySecret=\"My, secret\"\n"
    let error = #expect(throws: AccessKeyFileError.self) { _ = try AccessKeyFile.parse(Array(text.utf8).span) }
    #expect(
      error?.description
        == "line 2: the AccessKey secret holds a blank, a quote, a comma or another character that none has; copy it again"
    )
  }
}

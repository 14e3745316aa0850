import CloudAPI
import Secrets
import TestSupport
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
    Case(
      name: "JSON, a list of one, with a mark",
      text: "\u{FEFF}\n [\n{\"AccessKeyId\":\"\(id)\",\"AccessKeySecret\":\"\(value)\"}]\n"),
    Case(name: "lines, with a mark", text: "\u{FEFF}AccessKeyId=\(id)\nAccessKeySecret=\(value)"),
    Case(name: "CSV with an empty field too many", text: "AccessKey ID,AccessKey Secret\n\(id),\(value),\"\" ,"),
    Case(name: "lines, names in quotes", text: "\"access_key_id\" = '\(id)'\n'access-key-secret' = \"\(value)\""),
    Case(
      name: "lines, others commented out",
      text: ";access_key_id=old\n//AccessKeyId=older\nAccessKeyId=\(id)\n!AccessKeySecret=x\nAccessKeySecret=\(value)"),
    Case(name: "lines, bare names", text: "AccessKeyId = \(id)\nAccessKeySecret = \(value)"),
  ])
  func `each form of the file is read`(_ row: Case) throws {
    let key = try AccessKeyFile.parse(Array(row.text.utf8).span)
    #expect(key.id == Self.id)
    #expect(key.secret.text == Self.value)
  }

  /// A key whose end was lost passed the check, and then STS refused its signatures.
  @Test(
    arguments: [
      ("LTAI5t123456789012345678", 30, nil), ("LTAI123456789012", 30, nil), ("0wNEpMMlzy7szvai", 30, nil),
      ("LTAI5t123456789012345678", 64, nil), ("LTAI5t123456789012345678", 11, "secret is shorter than 30"),
      ("LTAI5tKee", 30, "id is shorter than 24"), ("LTAI5t12345678901234567", 30, "id is shorter than 24"),
      ("LTAI12345678901", 30, "id is shorter than 16"),
    ] as [(String, Int, String?)])
  func `a key that is shorter than usual looks cut off`(_ id: String, _ count: Int, _ sign: String?) {
    let secret = Secret(copying: Array(repeating: UInt8(ascii: "s"), count: count).span)
    #expect(AccessKey(id: id, secret: secret).signOfCut == sign.map { "whose \($0) characters" })
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
    BadCase(
      name: "CSV, a comma in the secret", text: "AccessKey ID,AccessKey Secret\n\(id),Example,\(value)",
      problem: .surplusField,
      line: 2),
    BadCase(
      name: "lines, a name that only looks alike", text: "Access\u{212A}eyId=\(id)\nAccessKeySecret=\(value)",
      problem: .missing(.id)),
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
      name: "STS id as the secret", text: "AccessKeyId=\(value)\nAccessKeySecret=STS.Nabc", problem: .temporary, line: 2
    ),
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
    BadCase(name: "CSV, swapped", text: "AccessKey ID,AccessKey Secret\n\(value),\(id)\n", problem: .swapped),
    BadCase(
      name: "JSON, swapped", text: #"{"AccessKeyId":"\#(value)","AccessKeySecret":"\#(id)"}"#, problem: .swapped),
    BadCase(name: "lines, swapped", text: "AccessKeyId=\(value)\nAccessKeySecret=\(id)", problem: .swapped),
    BadCase(
      name: "an old id, swapped", text: "AccessKeyId=\(value)\nAccessKeySecret=0a1b2c3d4e5f6g7h", problem: .swapped),
    BadCase(name: "the id twice", text: "AccessKeyId=\(id)\nAccessKeySecret=\(id)", problem: .idTwice),
    BadCase(name: "JSON, an empty list", text: "[]", problem: .list(count: 0)),
    BadCase(
      name: "JSON, a list of two", text: "[{\"AccessKeyId\":\"a\"},\n{\"AccessKeyId\":\"b\"}]",
      problem: .list(count: 2)),
    BadCase(name: "JSON, a list of text", text: #"["AccessKeyId"]"#, problem: .listOfNoObject),
    BadCase(
      name: "config.json of the aliyun command line",
      text: """
        {"current":"default","profiles":[{"name":"default","mode":"AK","access_key_id":"\(id)",
        "access_key_secret":"\(value)"}],"meta_path":""}
        """, problem: .otherForm(.commandLine)),
    BadCase(
      name: "ini with profiles",
      text: "[default]\ntype = access_key\naccess_key_id = \(id)\naccess_key_secret = \(value)",
      problem: .otherForm(.ini)),
    BadCase(name: "XML", text: "<?xml version='1.0'?><CreateAccessKeyResponse/>", problem: .otherForm(.xml)),
    BadCase(name: "PEM", text: "-----BEGIN PRIVATE KEY-----\nMIIE", problem: .otherForm(.pem)),
    BadCase(name: "binary", text: "\u{0}\u{1}\u{2}", problem: .notAnAssignment, line: 1),
  ])
  func `a file that isn't one whole key is refused with its line`(_ row: BadCase) {
    #expect(throws: AccessKeyFileError(row.problem, line: row.line)) {
      _ = try AccessKeyFile.parse(Array(row.text.utf8).span)
    }
  }

  struct WideCase: Sendable {
    let encoding: WideEncoding
    let mark: [UInt8]
    let isBig: Bool
    var width = 2
  }

  @Test(arguments: [
    WideCase(encoding: .utf16, mark: [0xFF, 0xFE], isBig: false),
    WideCase(encoding: .utf16, mark: [0xFE, 0xFF], isBig: true),
    WideCase(encoding: .utf16LittleEndian, mark: [], isBig: false),
    WideCase(encoding: .utf16BigEndian, mark: [], isBig: true),
    WideCase(encoding: .utf32, mark: [0xFF, 0xFE, 0, 0], isBig: false, width: 4),
    WideCase(encoding: .utf32, mark: [0, 0, 0xFE, 0xFF], isBig: true, width: 4),
  ])
  func `a file in a Windows encoding is reported with the command that converts it`(_ row: WideCase) {
    let zeroes = [UInt8](repeating: 0, count: row.width - 1)
    let text = "AccessKey ID,AccessKey Secret\r\n\(Self.id),\(Self.value)\r\n".utf8
      .flatMap { row.isBig ? zeroes + [$0] : [$0] + zeroes }
    let error = #expect(throws: AccessKeyFileError(.wide(row.encoding))) {
      _ = try AccessKeyFile.parse((row.mark + text).span)
    }
    #expect(error?.description.contains("iconv -f \(row.encoding.rawValue) -t UTF-8") == true)
  }

  @Test func `no message shows a part of the file`() {
    for row in [
      "AccessKey ID,AccessKey Secret\n\(Self.value),\(Self.id)\n", "\(Self.id),\(Self.value)",
      #"{"\#(Self.value)":1,"\#(Self.value)":2}"#, #"{"profiles":[{"name":"\#(Self.value)"}]}"#, "[\(Self.value)]\na=b",
      #"{"AccessKeyId":"\#(Self.value)"#, "\(Self.value)=\(Self.id)", "<\(Self.value)>", "AccessKeyId=\(Self.value)x y",
    ] {
      let error = #expect(throws: AccessKeyFileError.self) { _ = try AccessKeyFile.parse(Array(row.utf8).span) }
      let message = error?.description ?? ""
      #expect(!message.contains(Self.value.prefix(6)) && !message.contains(Self.id.suffix(6)), "\(message)")
    }
  }

  /// Whatever a slip makes of a file, the result is a key or an error, and the error shows nothing of the content.
  @Test func `no changed byte of a file makes a message show its secret`() {
    let mark = Self.value.prefix(12)
    let texts = [
      "AccessKey ID,AccessKey Secret\n\(Self.id),\(Self.value)\n",
      "AccessKeyId=\(Self.id)\nAccessKeySecret=\(Self.value)\n",
      #"[{"AccessKeyId":"\#(Self.id)","AccessKeySecret":"\#(Self.value)"}]"#,
      #"{"current":"a","profiles":[{"access_key_secret":"\#(Self.value)"}]}"#, "[a]\naccess_key_secret = \(Self.value)",
    ]
    for text in texts.map({ Array($0.utf8) }) {
      for place in text.indices {
        for byte in [0, 0x0A, 0x20, 0xFF] + Array(#"",=[]{}#\"#.utf8) {
          var changed = text
          changed[place] = byte
          do throws(AccessKeyFileError) {
            let key = try AccessKeyFile.parse(changed.span)
            #expect(key.maskedID?.contains(mark) != true)
          } catch {
            #expect(!error.description.contains(mark), "\(error)")
          }
        }
      }
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

  @Test func `a message names line and fix, and no value`() {
    let text = "AccessKeyId=a\nAccessKeySecret=\"My, secret\"\n"
    let error = #expect(throws: AccessKeyFileError.self) { _ = try AccessKeyFile.parse(Array(text.utf8).span) }
    #expect(
      error?.description
        == "line 2: the AccessKey secret holds a blank, a quote, a comma or another character that none has; copy it again"
    )
  }
}

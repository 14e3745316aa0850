import Core
import Testing

@testable import Settings

/// The settings file that is installed is also their documentation.
@Suite struct ShippedSettingsTests {
  private let shipped: String
  /// The file with its example of a role activated by the command in the file.
  private let text: String

  init() throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let (_, bytes) = try SystemHost().read("/\(root)/etc/rolekeeper/rolekeeper.toml", limit: 1 << 20)
    shipped = String(decoding: bytes, as: UTF8.self)
    text = shipped.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.wholeMatch(of: /#[^ ].*/) == nil ? $0 : $0.dropFirst() }.joined(separator: "\n")
  }

  @Test func `as installed, the settings have no role, need no AccessKey, and are valid`() throws {
    let loaded = FakeHost().load(shipped)
    #expect(loaded.diagnostics.map(\.severity) == [.note])
    let settings = try #require(loaded.settings)
    #expect(settings.roles.isEmpty && settings.sources.isEmpty)
  }

  @Test func `the command in the file activates its example of a role`() throws {
    let command = try #require(shipped.firstMatch(of: /sudo sed -i '([^']+)'/)?.output.1)
    #expect(command == #"s/^#\([^ ]\)/\1/"#)
    #expect(text.contains("\n[roles.uploader]\n") && !text.contains("\n#["))
  }

  @Test func `with the example of a role, the settings load without a finding`() throws {
    let loaded = FakeHost().load(text)
    #expect(loaded.diagnostics.map(\.description) == [])
    let role = try #require(loaded.settings?.roles.first)
    #expect(role.readers == AccessRule(uids: [1001]))
    #expect(role.outputs.map(\.location) == [.roleDirectory(name: "credentials.json")])
  }

  @Test func `the active lines have the default values`() throws {
    var expected = try #require(FakeHost().load(soundSettings).settings)
    expected.sts.endpoint = try #require(Endpoint("sts.cn-hangzhou.aliyuncs.com"))
    var loaded = try #require(FakeHost().load(text).settings)
    loaded.roles[0].outputs = []
    loaded.inventory = expected.inventory
    #expect(loaded == expected)
  }

  @Test func `every key is in its table, with its meaning, type, range and default above it`() {
    let documented = Self.comments(in: text)
    for table in Schema.tables {
      for key in table.keys {
        let comment = documented["\(table.header) \(key.name)"]
        #expect(comment?.contains(key.summary) == true, "\(table.header) \(key.name): \(key.summary)")
        // The tables are headers in the file, not values.
        if !table.header.isEmpty {
          #expect(comment?.contains(key.facts) == true, "\(table.header) \(key.name): \(key.facts)")
        }
      }
    }
  }

  /// The comment right above each key, commented out or not, and above each table's header, lines joined; by the schema's
  /// names for tables.
  private static func comments(in text: String) -> [String: String] {
    let headers = Schema.tables.map(\.header)
    var found: [String: String] = [:]
    var comment: [Substring] = []
    var table = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      // A complete example, or one of its keys.
      let code = line.hasPrefix("# ") ? line.dropFirst(2) : line
      if code.hasPrefix("[") {
        let name = code.replacing("source.main", with: "source.NAME").replacing("roles.uploader", with: "roles.NAME")
          .replacing("scopes.encode", with: "scopes.TASK")
        #expect(headers.contains(String(name)))
        // A table is a key of the table above it.
        let key = name.drop { $0 == "[" }.prefix { $0 != "]" }.split(separator: ".").filter {
          !["NAME", "TASK"].contains($0)
        }
        found["\(key.count > 1 ? "[roles.NAME]" : "") \(key[key.count - 1])"] = comment.joined(separator: " ")
        table = String(name)
      } else if let key = key(in: line) {
        found["\(table) \(key)"] = comment.joined(separator: " ")
      }
      if line.hasPrefix("# ") { comment.append(line.dropFirst(2)) } else { comment = [] }
    }
    return found
  }

  private static func key(in line: Substring) -> Substring? {
    let code = line.hasPrefix("# ") ? line.dropFirst(2) : line
    let word = code.prefix { $0.isLowercase || $0.isNumber || $0 == "_" }
    return !word.isEmpty && code[word.endIndex...].hasPrefix(" = ") ? word : nil
  }
}

import TestSupport
import Testing
import Upload

@testable import vod_upload

/// What the program says of itself, and what the documentation says of it.
@Suite struct UsageTests {
  private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  private func page(_ name: String) throws -> String { try #require(FileText.read("\(Self.root)/\(name)")) }

  @Test func `the help fits in 120 columns, and has each option once`() {
    let lines = Usage.text.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= Usage.width }, "\(lines.filter { $0.count > Usage.width })")
    for option in Option.allCases {
      let own = lines.filter { $0.hasPrefix("  \(option.rawValue) ") }
      #expect(own.count == 1, "\(option.rawValue)")
    }
  }

  @Test(arguments: Option.allCases)
  func `the manual explains each option`(option: Option) throws {
    let name = option.entry.value.map { "\(option.rawValue) \($0)" } ?? option.rawValue
    // In a table a bar ends a cell.
    let cell = name.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    #expect(try page("docs/vod-upload.md").contains("\n| `\(cell)` |"), "\(name)")
  }

  @Test func `help and manual say the same of each exit status`() throws {
    let manual = try page("docs/vod-upload.md")
    let help = Usage.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    for entry in ExitStatus.entries {
      #expect(manual.contains("\n| \(entry.status) | \(entry.meaning) |\n"), "\(entry)")
      #expect(help.contains(" \(entry.status) \(entry.meaning)"), "\(entry)")
    }
  }

  @Test func `the manual names each key of a sidecar`() throws {
    let manual = try page("docs/vod-upload.md")
    for key in Sidecar.Key.allCases { #expect(manual.contains("`\(key.rawValue)`"), "\(key)") }
  }

  @Test func `there is no option that takes an AccessKey`() {
    for option in Option.allCases {
      let name = option.rawValue.lowercased()
      #expect(!name.contains("key") && !name.contains("secret") && !name.contains("token"), "\(name)")
    }
  }

  @Test func `the policy that is printed is the one that is installed, and the one in the manual`() throws {
    #expect(try page("etc/rolekeeper/vod-upload.policy.json") == LeastPolicy.document)
    let indented = LeastPolicy.document.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
    #expect(try page("docs/vod-upload.md").contains(indented))
  }

  @Test func `the optional rights are printed separately, and are in a policy and the manual`() throws {
    #expect(try page("etc/rolekeeper/vod-upload-optional.policy.json") == LeastPolicy.documentWithOptional)
    let manual = try page("docs/vod-upload.md")
    for right in ["vod:GetMezzanineInfo", "vod:DeleteMultipartUpload"] {
      #expect(!LeastPolicy.document.contains(right) && LeastPolicy.documentWithOptional.contains("\"\(right)\""))
      #expect(LeastPolicy.optional.contains("optional: \(right), ") && manual.contains("\n| `\(right)` | optional: "))
    }
  }
}

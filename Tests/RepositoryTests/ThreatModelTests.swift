import TestSupport
import Testing

/// The threat model names the tests of each defence, and whoever doubts one searches for them.
@Suite struct ThreatModelTests {
  private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  /// The names of all tests that are sentences.
  private func tests() throws -> Set<Substring> {
    var names: Set<Substring> = []
    for directory in FileNames.read("\(Self.root)/Tests") where directory.hasSuffix("Tests") {
      for file in FileNames.read("\(Self.root)/Tests/\(directory)") where file.hasSuffix(".swift") {
        let text = try #require(FileText.read("\(Self.root)/Tests/\(directory)/\(file)"))
        for part in text.split(separator: "func `").dropFirst() { names.insert(part.prefix { $0 != "`" }) }
      }
    }
    return names
  }

  @Test func `the threat model names tests that exist`() throws {
    let tests = try tests()
    let page = try #require(FileText.read("\(Self.root)/docs/threat-model.md"))
    var named = 0
    for row in page.split(separator: "\n") where row.hasPrefix("|") {
      let quoted = (row.split(separator: "|").last ?? "").split(separator: "`", omittingEmptySubsequences: false)
        .enumerated().filter { !$0.offset.isMultiple(of: 2) && $0.element.contains(" ") }.map(\.element)
      for name in quoted { #expect(tests.contains(name), "\(name)") }
      named += quoted.count
    }
    #expect(named > 50)
  }
}

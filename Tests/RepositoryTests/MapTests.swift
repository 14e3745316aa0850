import TestSupport
import Testing

/// The page about the architecture says what `Package.swift` does.
@Suite struct MapTests {
  private let package: String
  private let page: String

  init() throws {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    package = try #require(FileText.read("\(root)/Package.swift"))
    page = try #require(FileText.read("\(root)/docs/architecture.md"))
  }

  /// What each target of the product may import, by the manifest.
  private func imports() -> [String: Set<String>] {
    var imports: [String: Set<String>] = [:]
    let targets = package.split(separator: "  ] + fuzzing")[0]
    for part in targets.split(separator: "module(").dropFirst() {
      guard let call = part.split(separator: "\n    //").first.map(String.init), !call.contains("apparatus") else {
        continue
      }
      let names = Self.quoted(call.split(separator: "settings:")[0].split(separator: "program(")[0])
      guard let name = names.first, name.first?.isUppercase == true else { continue }
      imports[name] = Set(names.dropFirst())
    }
    return imports
  }

  private static func quoted(_ text: Substring) -> [String] {
    text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
      .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
  }

  @Test func `each target of the product has a row with its imports, and no other has one`() throws {
    let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }.map {
      $0.split(separator: "|").map { $0.split(separator: "`").filter { $0.first?.isLetter == true }.map(String.init) }
    }
    let documented = Dictionary(uniqueKeysWithValues: rows.map { ($0[0][0], Set($0.count > 2 ? $0[2] : [])) })
    let actual = imports()
    #expect(actual.count > 15 && actual["Core"] == [])
    #expect(documented == actual)
  }

  @Test func `every target's folder is in Sources, and what only tests stand on isn't`() {
    let modules = ["TestSupport", "TestNeeds", "SystemBox", "RefreshBench", "Simulation", "Laboratory"]
    for name in modules { #expect(package.contains("\"\(name)\", in: apparatus"), "\(name)") }
    for name in ["simulate", "leak-check", "soak"] {
      #expect(package.contains("\"\(name)\", in: apparatus"), "\(name)")
    }
    #expect(package.contains("library(\"CFaultShim\", in: apparatus)"))
  }

  /// Every feature would land there else.
  @Test func `Daemon only assembles: it imports nothing that holds secrets, speaks a protocol or parses`() throws {
    let imports = imports()
    let daemon = try #require(imports["Daemon"])
    #expect(
      daemon.isDisjoint(with: ["Secrets", "SessionStore", "JSON", "Signing", "CloudAPI", "HTTPClient", "Threads"]))
    let subjects: Set = ["FileOutput", "Refresh", "Identities", "STS", "SocketAPI", "RuntimeState"]
    #expect(daemon.isSuperset(of: subjects))
    #expect(imports.filter { $0.value.contains("Daemon") }.isEmpty)
  }

  @Test func `the driver of the machines knows neither HTTP nor files, and who serves sockets knows no cloud`() throws {
    let imports = imports()
    let refresh = try #require(imports["Refresh"])
    #expect(refresh.isDisjoint(with: ["HTTPClient", "HTTPServer", "LocalSockets", "FileOutput", "STS", "Identities"]))
    let socket = try #require(imports["SocketAPI"])
    #expect(socket.isDisjoint(with: ["HTTPClient", "STS", "Identities", "FileOutput"]))
  }
}

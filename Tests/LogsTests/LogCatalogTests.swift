import Core
import TestSupport
import Testing

@testable import Logs

/// The catalog from which `journalctl -x` explains each line (systemd/rolekeeper.catalog).
@Suite struct LogCatalogTests {
  /// An entry as journalctl --update-catalog reads it: its id, its header lines, and its paragraphs.
  private struct Entry {
    let id: String
    let headers: [String]
    let paragraphs: [String]

    init(_ text: Substring) {
      let parts = text.split(separator: "\n\n").map(String.init)
      let lines = parts[0].split(separator: "\n").map(String.init)
      id = lines[0]
      headers = Array(lines.dropFirst())
      paragraphs = Array(parts.dropFirst())
    }

    func header(_ name: String) -> String? {
      headers.first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.count + 2)) }
    }
  }

  private static let path =
    "/" + (#filePath.split(separator: "/").dropLast(3) + ["systemd", "rolekeeper.catalog"]).joined(separator: "/")
  private let text: String
  private let entries: [Entry]

  init() throws {
    text = try #require(FileText.read(Self.path))
    entries = "\n\(text)".split(separator: "\n-- ").dropFirst().map(Entry.init)
  }

  @Test func `each event has an entry, each entry an event, in the same order`() {
    #expect(entries.map(\.id) == LogEvent.allCases.map(\.id))
  }

  @Test func `each entry has a subject of its own, a cause and a fix`() {
    for entry in entries {
      let subject = entry.header("Subject") ?? ""
      #expect(!subject.isEmpty && !subject.hasSuffix("."), "\(entry.id)")
      #expect(entry.header("Defined-By") == "rolekeeper", "\(entry.id)")
      #expect(entry.header("Documentation") == "man:rolekeeperd(8)", "\(entry.id)")
      #expect(entry.paragraphs.count == 2, "\(subject)")
      #expect(entry.paragraphs.allSatisfy { $0.last == "." || $0.hasSuffix(".\n") }, "\(subject)")
    }
    #expect(Set(entries.map { $0.header("Subject") }).count == entries.count)
  }

  @Test func `an entry that needs an administrator has an action`() {
    for (event, entry) in zip(LogEvent.allCases, entries) where event.level == .error {
      #expect(entry.paragraphs.last?.hasPrefix("Nothing to do") == false, "\(event)")
    }
  }

  @Test func `no line of the catalog is wider than a terminal`() {
    #expect(text.split(separator: "\n").filter { $0.hasPrefix("#") == false && $0.count > 78 + 11 } == [])
  }

  /// A bad entry is dropped with a line on stderr and no exit status.
  @Test func `journalctl accepts every entry`() throws {
    let root = try TemporaryDirectory()
    let script = """
      mkdir -p "$1/usr/lib/systemd/catalog" "$1/var/lib/systemd/catalog"
      cp "$2" "$1/usr/lib/systemd/catalog"
      journalctl --root="$1" --update-catalog && journalctl --root="$1" --list-catalog
      """
    let listed = try ChildProcess.run(["/bin/bash", "-c", script, "bash", root.path, Self.path])
    #expect(listed.status == 0 && listed.errors == "", "\(listed.errors)")
    let ids = listed.output.split(separator: "\n").map { String($0.prefix(32)) }
    #expect(Set(ids) == Set(LogEvent.allCases.map(\.id)))
  }
}

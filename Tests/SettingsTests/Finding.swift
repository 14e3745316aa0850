import Settings
import Testing

/// Settings with an error, and all findings about them.
struct Finding: CustomTestStringConvertible, Sendable {
  let name: String
  /// Appended to `soundSettings`, whose last table is that of the role uploader; the first of these lines is line 9.
  let lines: String
  let sentences: [String]

  init(_ name: String, _ lines: String, _ sentences: String...) {
    self.name = name
    self.lines = lines
    self.sentences = sentences
  }

  var testDescription: String { name }

  /// Loads them and compares the findings with what is expected. The path of the settings, and only that, is left out of
  /// the sentences: `:9: …` stands for `/etc/rolekeeper/rolekeeper.toml:9: …`.
  func check(on host: FakeHost = FakeHost(), sourceLocation: SourceLocation = #_sourceLocation) {
    let loaded = host.load(soundSettings + lines)
    let found = loaded.diagnostics.map { $0.description.replacing(FakeHost.path, with: "") }
    #expect(found == sentences, sourceLocation: sourceLocation)
    #expect(
      (loaded.settings == nil) == loaded.diagnostics.contains { $0.severity == .error }, sourceLocation: sourceLocation)
  }
}

import TestSupport
import Testing

@testable import Diagnosis

@Suite struct TestedKeyTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// "put the file there, owned by the daemon's user": who tests a key reads it, and often that is root.
  @Test func `a file under test that isn't there needn't be the daemon's`() {
    let tested = TestedKey(directory.path("gone.csv"))
    #expect(
      tested.findings.map(\.next) == ["correct the path, or put the AccessKey there, in a file with mode 0400"])
  }
}

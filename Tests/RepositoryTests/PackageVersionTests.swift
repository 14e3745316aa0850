import TestSupport
import Testing

/// The version of the Debian package is that of the programs.
@Suite struct PackageVersionTests {
  private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  @Test func `debian/changelog begins with the version that the programs report`() throws {
    let source = try #require(FileText.read("\(Self.root)/Sources/Wire/Version.swift"))
    let number = try #require(source.firstMatch(of: /number = "([^"]+)"/)?.output.1)
    let changelog = try #require(FileText.read("\(Self.root)/debian/changelog"))
    #expect(changelog.hasPrefix("rolekeeper (\(number)) "))
  }
}

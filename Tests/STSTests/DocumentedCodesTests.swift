import Core
import HTTPClient
import TestSupport
import Testing

@testable import STS

/// Codes that people see are documented.
@Suite struct DocumentedCodesTests {
  private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  @Test(arguments: TransportFailure.Kind.allCases)
  func `README has a row for each failure to reach STS`(kind: TransportFailure.Kind) throws {
    let code = Failure(TransportFailure(kind, text: ""), now: UTCTime(seconds: 0)).code
    let rows = try #require(FileText.read("\(Self.root)/README.md")).split(separator: "\n").filter { $0.hasPrefix("|") }
    #expect(rows.contains { $0.contains("`\(code)`") }, "\(code)")
  }
}

import Testing

@testable import Upload

@Suite struct TroublesTests {
  @Test func `errors are kept unchanged, and equal errors once`() throws {
    var troubles = Troubles()
    let trouble = UploadResult.Trouble(error: "'FileName' has a character that VOD refuses", fix: "rename the file")
    let results = (0..<1000).map { (number) -> UploadResult in
      switch number % 3 {
      case 0: .failed(trouble)
      case 1: .unconfirmed(trouble)
      default: .failed(.init(error: "Throttling (request \(number))", fix: "run again"))
      }
    }
    let places = results.compactMap { troubles.add($0) }
    try #require(places.count == results.count)
    #expect(zip(places, results).allSatisfy { troubles[$0] == $1 })
    #expect(troubles.textCount == 3 + 333)
    #expect(troubles.add(.uploaded) == nil && troubles.add(.notStarted) == nil)
  }
}

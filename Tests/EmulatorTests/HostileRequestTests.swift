import TestSupport
import Testing

@testable import Emulator

@Suite struct HostileRequestTests {
  @Test func `every request is answered`() throws {
    var chance = SeededGenerator(seed: 2026)
    let vectors = CloudVector.v1 + CloudVector.v3
    for _ in 0..<1500 {
      let vector = try #require(vectors.randomElement(using: &chance))
      var service = try vector.service()
      var request = vector.request
      for _ in 0..<3 { Self.damage(&request, &chance) }
      let answer = TestAnswer(service.handle(request, at: try vector.time))
      #expect((200...599).contains(answer.status) && !answer.text.isEmpty)
    }
  }

  @Test func `bytes that aren't a request are refused`() throws {
    var chance = SeededGenerator(seed: 7)
    var service = Cloud(model: AccountModel(), store: TestStore())
    for _ in 0..<1500 {
      let noise = (0..<Int.random(in: 0...60, using: &chance)).map { _ in UInt8.random(in: 1...255, using: &chance) }
      let text = String(decoding: noise, as: UTF8.self)
      let request = Request(
        method: String(text.prefix(4)), target: text,
        headers: [
          .init(name: text, value: text), .init(name: "Authorization", value: "ACS3-HMAC-SHA256 \(text)"),
          .init(name: "Content-Type", value: "application/x-www-form-urlencoded"),
        ].shuffled(using: &chance), body: noise)
      #expect((400...599).contains(service.handle(request, at: TestCloud.start).answer.status))
    }
  }

  private static func damage(_ request: inout Request, _ chance: inout SeededGenerator) {
    func damaged(_ text: String) -> String {
      var bytes = Array(text.utf8)
      guard let place = bytes.indices.randomElement(using: &chance) else { return "%" }
      switch Int.random(in: 0..<4, using: &chance) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &chance)
      case 1: bytes.remove(at: place)
      case 2: bytes.insert(contentsOf: bytes[place...].prefix(40), at: place)
      default: bytes.removeSubrange(place...)
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    switch Int.random(in: 0..<5, using: &chance) {
    case 0: request.method = damaged(request.method)
    case 1: request.body = Array(damaged(String(decoding: request.body, as: UTF8.self)).utf8)
    case 2:
      guard let index = request.headers.indices.randomElement(using: &chance) else { return }
      let header = request.headers[index]
      request.headers[index] = .init(name: header.name, value: damaged(header.value))
    default: request.target = damaged(request.target)
    }
  }
}

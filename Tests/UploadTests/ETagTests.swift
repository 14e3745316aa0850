import Testing
import Upload

@Suite struct ETagTests {
  /// Parts' ETags were kept as texts once, since their quotes are gone by then: 64 bytes more for each of 10,000 parts.
  @Test func `the ETag of a part is kept as a number and comes back as it was`() {
    let text = "00032175F327E83049667F0F4657827A"
    #expect(ETag(text).isCompact && ETag(text).description == text)
  }

  @Test(arguments: [
    "", "E9632175F327E830", "e9632175f327e83049667f0f4657827a", "E9632175F327E83049667F0F4657827A-2",
    "\"E9632175F327E83049667F0F4657827A\"", "G9632175F327E83049667F0F4657827A",
  ])
  func `any other ETag comes back as it was, too`(_ text: String) {
    #expect(!ETag(text).isCompact && ETag(text).description == text)
  }
}

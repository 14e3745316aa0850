import Testing

@testable import ObjectStorage

@Suite struct CompletionDocumentTests {
  private static let parts = [
    UploadedPart(number: 1, etag: "E1"), UploadedPart(number: 5, etag: "<&>"), UploadedPart(number: 10_000, etag: ""),
  ]
  private static let text =
    #"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"E1"</ETag></Part>"#
    + #"<Part><PartNumber>5</PartNumber><ETag>"&lt;&amp;&gt;"</ETag></Part>"#
    + #"<Part><PartNumber>10000</PartNumber><ETag>""</ETag></Part></CompleteMultipartUpload>"#

  /// The document in pieces of at most `size` bytes.
  private static func read(_ document: inout CompletionDocument, in size: Int) -> String {
    var text: [UInt8] = []
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
    defer { room.deallocate() }
    while case let count = document.read(into: room), count > 0 { text += room[..<count] }
    return String(decoding: text, as: UTF8.self)
  }

  @Test(arguments: [1, 7, 64, 4096]) func `the list of parts is the same in pieces of any size`(_ size: Int) {
    var document = CompletionDocument(count: Self.parts.count) { Self.parts[$0] }
    #expect(document.length == Self.text.utf8.count)
    #expect(Self.read(&document, in: size) == Self.text)
  }

  @Test func `a list of parts can be read again from its beginning`() {
    var document = CompletionDocument(count: Self.parts.count) { Self.parts[$0] }
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 40, alignment: 1)
    defer { room.deallocate() }
    #expect(document.read(into: room) == 40)
    document.rewind()
    #expect(Self.read(&document, in: 4096) == Self.text)
  }
}

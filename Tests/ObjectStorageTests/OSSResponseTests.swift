import Core
import ObjectStorage
import Testing

@Suite struct OSSResponseTests {
  static let ok = OSSResponse(httpStatus: 200, requestID: "5F2C")

  @Test(arguments: [
    "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>0004B9</UploadId></InitiateMultipartUploadResult>",
    "<?xml version=\"1.0\"?><I xmlns=\"u\"><New><UploadId>no</UploadId></New><UploadId>\n 0004B9 </UploadId></I>",
  ])
  func `an upload id is read`(_ body: String) throws {
    #expect(try Self.ok.uploadID(from: body).get() == "0004B9")
  }

  struct Unusable: Sendable, CustomTestStringConvertible {
    let name: String
    let body: String
    let code: String
    var testDescription: String { name }
  }

  @Test(arguments: [
    Unusable(name: "empty", body: "", code: "AnswerNotXML"),
    Unusable(name: "HTML", body: "<html><br></html>", code: "AnswerNotXML"),
    Unusable(name: "no id", body: "<I><Bucket>b</Bucket></I>", code: "AnswerIncomplete"),
    Unusable(name: "empty id", body: "<I><UploadId/></I>", code: "AnswerIncomplete"),
    Unusable(name: "line feed in id", body: "<I><UploadId>a\nb</UploadId></I>", code: "AnswerMalformed"),
    Unusable(
      name: "long id", body: "<I><UploadId>\(String(repeating: "a", count: 257))</UploadId></I>",
      code: "AnswerMalformed"),
    Unusable(
      name: "long body", body: "<I>\(String(repeating: " ", count: 1_048_576))</I>", code: "AnswerTooLong"),
  ])
  func `an unusable answer is one that is tried again`(_ row: Unusable) {
    let failure = failure(of: Self.ok.uploadID(from: row.body))
    #expect(failure?.code == row.code)
    #expect(failure?.kind == .transient)
    #expect(failure?.requestID == "5F2C")
  }

  @Test func `a stored part has its name and sum from the headers`() throws {
    let response = OSSResponse(
      httpStatus: 200, etag: "\"5D41402ABC4B2A76B9719D911017C592\"", crc64: "11051210869376104954", requestID: "5F2C")
    let stored = try response.stored(from: "").get()
    #expect(
      stored
        == StoredObject(
          etag: "5D41402ABC4B2A76B9719D911017C592", crc64: 11_051_210_869_376_104_954, requestID: "5F2C"))
  }

  @Test(arguments: ["", "-1", "0x1", "18446744073709551616", "1 ", "１"])
  func `a sum that can't be read is none`(_ text: String) throws {
    let stored = try OSSResponse(httpStatus: 200, etag: "E", crc64: text).stored(from: "").get()
    #expect(stored.crc64 == nil)
  }

  @Test(arguments: ["", "\"\"", "a\"b", "a b", "é", String(repeating: "a", count: 129)])
  func `an ETag that can't be one isn't taken`(_ text: String) {
    let failure = failure(of: OSSResponse(httpStatus: 200, etag: text).stored(from: ""))
    #expect(failure?.code == "AnswerMalformed")
    #expect(self.failure(of: OSSResponse(httpStatus: 200).stored(from: ""))?.code == "AnswerIncomplete")
  }

  static let completion =
    "<CompleteMultipartUploadResult><Location>l</Location><Bucket>b</Bucket><Key>k</Key><ETag>\"E-2\"</ETag></CompleteMultipartUploadResult>"

  @Test func `a completed object has its name from the body if not from the headers`() throws {
    #expect(
      try Self.ok.completed(from: Self.completion).get() == StoredObject(etag: "E-2", crc64: nil, requestID: "5F2C"))
    let response = OSSResponse(httpStatus: 200, etag: "\"H-2\"", crc64: "7")
    #expect(try response.completed(from: Self.completion).get() == StoredObject(etag: "H-2", crc64: 7))
    // The sum proves what a body that can't be read would only have said.
    #expect(try response.completed(from: "").get().crc64 == 7)
  }

  @Test func `a 200 without result or sum isn't a completed object`() {
    for body in ["", "<html/>", "{}", "<CompleteMultipartUploadResult>"] {
      #expect(failure(of: OSSResponse(httpStatus: 200, etag: "E").completed(from: body))?.code == "AnswerNotXML")
    }
  }

  /// OSS sends the head of its answer to Complete before it has finished.
  @Test func `an error in the body of a 200 is an error`() {
    let body =
      "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><RequestId>R</RequestId><EC>0042-1</EC></Error>"
    for crc64 in [nil, "7"] {
      let response = OSSResponse(httpStatus: 200, etag: "E", crc64: crc64)
      for failure in [
        failure(of: response.completed(from: body)), failure(of: response.stored(from: body)),
      ] {
        #expect(failure?.code == "InternalError")
        #expect(failure?.kind == .transient)
        #expect(failure?.requestID == "R")
        #expect(failure?.errorCode == "0042-1")
      }
    }
  }

  /// A cut-off error was taken for a success, since the status and the other headers were those of one.
  @Test(arguments: ["<Error><Code>InternalError</Code>", "<Error><Code>Inter", " ", "{}"])
  func `a body that can't be read may be an error, whatever the headers are`(_ body: String) {
    let response = OSSResponse(httpStatus: 200, etag: "E", crc64: "7")
    #expect(failure(of: response.completed(from: body))?.code == "AnswerNotXML")
    #expect(failure(of: response.stored(from: body))?.code == "AnswerNotXML")
    #expect(failure(of: response.aborted(from: body))?.code == "AnswerNotXML")
  }

  @Test func `a page of parts is read, in the order of their numbers`() throws {
    let body =
      "<ListPartsResult><UploadId>U</UploadId><NextPartNumberMarker>5</NextPartNumberMarker><MaxParts>2</MaxParts>"
      + "<IsTruncated>true</IsTruncated><Part><PartNumber>5</PartNumber><ETag>\"E5\"</ETag><Size>7</Size></Part>"
      + "<Part><PartNumber>1</PartNumber><LastModified>x</LastModified><ETag>E1</ETag></Part></ListPartsResult>"
    let page = try Self.ok.parts(from: body).get()
    let parts = [
      PartPage.Part(number: 1, etag: "E1", size: nil), PartPage.Part(number: 5, etag: "E5", size: 7),
    ]
    #expect(page == PartPage(parts: parts, next: 5))
    let last = try Self.ok.parts(from: body.replacing(">true<", with: ">false<")).get()
    #expect(last == PartPage(parts: parts, next: nil))
    let unmarked = try Self.ok.parts(from: body.replacing("NextPart", with: "Next")).get()
    #expect(unmarked.next == 5)
    #expect(try Self.ok.parts(from: "<ListPartsResult/>").get() == PartPage(parts: [], next: nil))
  }

  @Test(arguments: [
    "<Part><ETag>E</ETag></Part>", "<Part><PartNumber>1</PartNumber></Part>",
    "<Part><PartNumber>0</PartNumber><ETag>E</ETag></Part>",
    "<Part><PartNumber>10001</PartNumber><ETag>E</ETag></Part>",
    "<Part><PartNumber>x</PartNumber><ETag>E</ETag></Part>",
    "<Part><PartNumber>+1</PartNumber><ETag>E</ETag></Part>",
    "<Part><PartNumber>1</PartNumber><ETag>\"</ETag></Part>",
  ])
  func `a part that can't be one makes the page unusable`(_ part: String) {
    #expect(failure(of: Self.ok.parts(from: "<ListPartsResult>\(part)</ListPartsResult>")) != nil)
  }

  @Test(arguments: ["-1", "+7", "x", "", "9223372036854775808"])
  func `a part's size that is no number is none`(_ size: String) throws {
    let part = "<Part><PartNumber>1</PartNumber><ETag>E</ETag><Size>\(size)</Size></Part>"
    let page = try Self.ok.parts(from: "<ListPartsResult>\(part)</ListPartsResult>").get()
    #expect(page.parts == [PartPage.Part(number: 1, etag: "E", size: nil)])
  }

  @Test func `an abort needs no body`() throws {
    try OSSResponse(httpStatus: 204).aborted(from: "").get()
    #expect(failure(of: OSSResponse(httpStatus: 403).aborted(from: ""))?.code == "AnswerWithoutCode")
  }

  /// A thousand parts are what a page has at most.
  @Test func `a whole page fits`() throws {
    let parts = (1...1000).map {
      "<Part><PartNumber>\($0)</PartNumber><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
        + "<ETag>\"5D41402ABC4B2A76B9719D911017C592\"</ETag><HashCrc64ecma>11051210869376104954</HashCrc64ecma><Size>10485760</Size></Part>"
    }
    let page = try Self.ok.parts(from: "<ListPartsResult>\(parts.joined())</ListPartsResult>").get()
    #expect(page.parts.map(\.number) == Array(1...1000))
  }

  private func failure<Content>(of result: Result<Content, OSSFailure>) -> OSSFailure? {
    if case .failure(let failure) = result { failure } else { nil }
  }
}

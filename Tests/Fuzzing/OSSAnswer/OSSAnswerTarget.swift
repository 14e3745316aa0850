import FuzzSupport

@testable import ObjectStorage

/// What comes back from OSS. The input's first three lines are the HTTP status, `ETag` and the checksum (an empty line when absent); the
/// rest is the body.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  var rest = UnsafeBufferPointer(start: data, count: size)[...]
  let status = Int(takeLine(&rest)) ?? 200
  let etag = takeLine(&rest)
  let crc64 = takeLine(&rest)
  let response = OSSResponse(
    httpStatus: status, etag: etag.isEmpty ? nil : etag, crc64: crc64.isEmpty ? nil : crc64, requestID: "5F2C")
  let body = Array(rest)
  AnswerCheck(response: response).check(body)
  checkDocument(body)
  checkCompletion(of: etag)
  return 0
}

/// A document that is read isn't with a document type in front of it.
private func checkDocument(_ body: [UInt8]) {
  guard XMLReader.read(body.span, keeping: ["Code"]) != nil, body.first == UInt8(ascii: "<"),
    body.dropFirst().first != UInt8(ascii: "?")
  else { return }
  let doctype = Array("<!DOCTYPE Error [<!ENTITY a \"b\">]>".utf8)
  require(XMLReader.read((doctype + body).span, keeping: ["Code"]) == nil, "a document type is taken")
}

/// The list of parts that Complete sends is read as it was meant, whatever the ETag.
private func checkCompletion(of text: String) {
  guard let etag = ETag.bare(text) else { return }
  let parts = [UploadedPart(number: 1, etag: etag), UploadedPart(number: 10_000, etag: etag)]
  let names: Set<String> = ["Part", "PartNumber", "ETag"]
  var document = CompletionDocument(count: parts.count) { parts[$0] }
  let text = [UInt8](unsafeUninitializedCapacity: document.length) { room, filled in
    filled = document.read(into: UnsafeMutableRawBufferPointer(room))
  }
  require(text.count == document.length, "a list of parts of another length than it says")
  guard let root = XMLReader.read(text.span, keeping: names) else {
    return require(false, "a list of parts that isn't XML")
  }
  let read = root.children.map { part in
    UploadedPart(
      number: part.text(of: "PartNumber").flatMap { Int($0) } ?? 0,
      etag: part.text(of: "ETag").flatMap { ETag.bare($0) } ?? "")
  }
  require(root.name == "CompleteMultipartUpload" && read == parts, "a list of parts that is read as another")
}

import FuzzSupport

@testable import ObjectStorage

/// What has to hold for an answer of OSS, whatever it is.
struct AnswerCheck {
  let response: OSSResponse

  func check(_ body: [UInt8]) {
    let isError = String(decoding: body, as: UTF8.self).hasPrefix("<Error>")
    let isSuccess = (200..<300).contains(response.httpStatus) && !isError
    if let id = content(response.uploadID(from: body.span)) {
      require(isSuccess && isPlain(id, most: 256) && !id.isEmpty, "an upload id that isn't one")
      let again = content(response.uploadID(from: Array("<R><UploadId>\(escaped(id))</UploadId></R>".utf8).span))
      require(again == id, "another upload id when written again")
    }
    for stored in [content(response.stored(from: body.span)), content(response.completed(from: body.span))] {
      guard let stored else { continue }
      require(isSuccess && isETag(stored.etag), "an object that isn't stored")
      require(stored.crc64.map { UInt64(response.crc64 ?? "") == $0 } ?? true, "another checksum")
    }
    if let page = content(response.parts(from: body.span)) {
      require(isSuccess, "parts of an error")
      checkPage(page)
    }
    if content(response.aborted(from: body.span)) != nil { require(isSuccess, "an error is an abort") }
  }

  private func checkPage(_ page: PartPage) {
    require(page.next.map { (1...10_000).contains($0) } ?? true, "a next page after part \(page.next ?? 0)")
    for (part, following) in zip(page.parts, page.parts.dropFirst()) {
      require(part.number <= following.number, "parts out of order")
    }
    var text = "<ListPartsResult>"
    if let next = page.next {
      text += "<IsTruncated>true</IsTruncated><NextPartNumberMarker>\(next)</NextPartNumberMarker>"
    }
    for part in page.parts {
      require((1...10_000).contains(part.number) && isETag(part.etag), "a part that can't be one")
      require(part.size.map { $0 >= 0 } ?? true, "a part of \(part.size ?? 0) bytes")
      text += "<Part><PartNumber>\(part.number)</PartNumber><ETag>\"\(escaped(part.etag))\"</ETag>"
      text += part.size.map { "<Size>\($0)</Size></Part>" } ?? "</Part>"
    }
    let again = content(response.parts(from: Array((text + "</ListPartsResult>").utf8).span))
    require(again == page, "other parts when written again")
  }

  private func isETag(_ text: String) -> Bool { isPlain(text, most: 128) && !text.isEmpty && !text.contains("\"") }

  private func escaped(_ text: String) -> String {
    text.utf8.map { "&#\($0);" }.joined()
  }

  private func content<Content>(_ result: Result<Content, OSSFailure>) -> Content? {
    switch result {
    case .success(let content): return content
    case .failure(let failure):
      require(isPlain(failure.code, most: 64) && !failure.code.isEmpty, "a code that can't be logged: \(failure.code)")
      require(failure.errorCode.map { isPlain($0, most: 64) && !$0.isEmpty } ?? true, "an EC that can't be logged")
      require(failure.requestID.map { isPlain($0, most: 128) && !$0.isEmpty } ?? true, "a request id to stumble over")
      require(!failure.remedy.isEmpty && !failure.remedy.contains("MarkedSecret7"), "a remedy that quotes the secret")
      return nil
    }
  }
}

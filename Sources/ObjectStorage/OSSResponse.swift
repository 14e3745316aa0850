internal import CloudAPI
internal import Core

/// The head of a response of OSS by which its body is read.
package struct OSSResponse {
  /// What is read of a body at most: a page of 1000 parts has about 250 KB.
  package static let maxBodyLength = 1_048_576

  let httpStatus: Int
  let etag: String?
  let crc64: String?
  let requestID: String?
  let date: String?

  /// The headers `ETag`, `x-oss-hash-crc64ecma`, `x-oss-request-id` and `Date` as they stand; nil when absent.
  package init(
    httpStatus: Int, etag: String? = nil, crc64: String? = nil, requestID: String? = nil, date: String? = nil
  ) {
    self.httpStatus = httpStatus
    self.etag = etag
    self.crc64 = crc64
    self.requestID = requestID
    self.date = date
  }

  /// Reads the answer to `initiate`: the upload id.
  package func uploadID(from body: Span<UInt8>) -> Result<String, OSSFailure> {
    read(body, keeping: ["UploadId"]) { (root) throws(OSSFault) in
      guard let id = root?.text(of: "UploadId") else { throw root == nil ? .notXML : .missing("UploadId") }
      // It goes into a query and into the journal.
      guard id.utf8.count <= 256, id.utf8.allSatisfy(\.isVisible) else { throw .malformed("UploadId") }
      return id
    }
  }

  /// Reads the answer to `put` or `uploadPart`, which has no body.
  package func stored(from body: Span<UInt8>) -> Result<StoredObject, OSSFailure> {
    read(body, keeping: []) { (_) throws(OSSFault) in try stored(etag: nil) }
  }

  /// Reads the answer to `complete`; an error in the body of a 200 is one.
  ///
  /// The sum of the whole is known to the service only once the object is, so with it the body may be another than usual, or empty.
  package func completed(from body: Span<UInt8>) -> Result<StoredObject, OSSFailure> {
    read(body, keeping: ["ETag"]) { (root) throws(OSSFault) in
      guard root?.name == "CompleteMultipartUploadResult" || sum != nil else { throw .notXML }
      return try stored(etag: root?.text(of: "ETag"))
    }
  }

  /// Reads the answer to `listParts`.
  package func parts(from body: Span<UInt8>) -> Result<PartPage, OSSFailure> {
    read(body, keeping: PartPage.elements) { (root) throws(OSSFault) in
      guard let root, root.name == "ListPartsResult" else { throw .notXML }
      return try PartPage(root)
    }
  }

  /// Reads the answer to `abort`; its success is 204, without a body.
  package func aborted(from body: Span<UInt8>) -> Result<Void, OSSFailure> {
    read(body, keeping: []) { (_) throws(OSSFault) in }
  }

  /// From its header, else from the body.
  private func stored(etag other: String?) throws(OSSFault) -> StoredObject {
    guard let text = etag ?? other else { throw .missing("ETag") }
    guard let etag = ETag.bare(text) else { throw .malformed("ETag") }
    return StoredObject(etag: etag, crc64: sum, requestID: readableRequestID)
  }

  private var sum: UInt64? { crc64.flatMap { UInt64(decimal: $0) } }

  private var readableRequestID: String? { requestID.flatMap { OSSFault.readable($0, most: 128) } }

  /// Hands the document to `content`, or nil where the body is empty, unless it is an error, or can't be read and might be one.
  private func read<Content>(
    _ body: Span<UInt8>, keeping names: Set<String>, _ content: (XMLElement?) throws(OSSFault) -> Content
  ) -> Result<Content, OSSFailure> {
    guard body.count <= Self.maxBodyLength else { return .failure(failure(.tooLong)) }
    let root = body.isEmpty ? nil : XMLReader.read(body, keeping: names.union(["Code", "RequestId", "EC"]))
    let isError = root?.name == "Error"
    guard (200..<300).contains(httpStatus), !isError else {
      guard isError, let root, let code = root.text(of: "Code").flatMap({ OSSFault.readable($0, most: 64) }) else {
        return .failure(failure(.noCode))
      }
      return .failure(failure(code, root))
    }
    guard body.isEmpty || root != nil else { return .failure(failure(.notXML)) }
    do {
      return .success(try content(root))
    } catch {
      return .failure(failure(error))
    }
  }

  private func failure(_ fault: OSSFault) -> OSSFailure {
    let row = OSSErrorTable.row(for: fault, httpStatus: httpStatus)
    return OSSFailure(
      row.kind, code: fault.code, httpStatus: httpStatus, requestID: readableRequestID, serverTime: serverTime,
      remedy: row.remedy)
  }

  private func failure(_ code: String, _ error: XMLElement) -> OSSFailure {
    let row = OSSErrorTable.row(forCode: code, httpStatus: httpStatus)
    return OSSFailure(
      row.kind, code: code, httpStatus: httpStatus,
      requestID: readableRequestID ?? error.text(of: "RequestId").flatMap { OSSFault.readable($0, most: 128) },
      errorCode: error.text(of: "EC").flatMap { OSSFault.readable($0, most: 64) }, serverTime: serverTime,
      remedy: row.remedy)
  }

  private var serverTime: UTCTime? { date.flatMap { UTCTime(httpDate: $0) } }
}

/// What OSS says of an object or part that it has stored.
package struct StoredObject: Hashable, Sendable {
  /// Without its quotes.
  package let etag: String
  /// `x-oss-hash-crc64ecma`; nil without a readable header, and then nothing proves that the bytes arrived.
  package let crc64: UInt64?
  package let requestID: String?

  package init(etag: String, crc64: UInt64?, requestID: String? = nil) {
    self.etag = etag
    self.crc64 = crc64
    self.requestID = requestID
  }
}

/// The name of a stored version of an object or part.
enum ETag {
  /// Without the quotes around it; nil for what isn't 1 to 128 printable ASCII characters.
  static func bare(_ text: String) -> String? {
    var bytes = text.utf8[...]
    let quote = UInt8(ascii: "\"")
    if bytes.count >= 2, bytes.first == quote, bytes.last == quote { bytes = bytes.dropFirst().dropLast() }
    guard (1...128).contains(bytes.count), bytes.allSatisfy({ $0.isVisible && $0 != quote }) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }
}

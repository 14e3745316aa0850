package import Core
internal import JSON

/// The parts of a response's head that are needed to read its body.
package struct VODResponse {
  /// The maximum length that is read of a body; a longer one is no answer of VOD.
  package static let maxBodyLength = 65_536

  let httpStatus: Int
  let retryAfter: String?
  let notBefore: Duration?

  /// `retryAfter` is the value of `x-acs-retry-after`; nil if the header is missing. `notBefore` is the wait that `RetryAfter`
  /// reads from the standard header.
  package init(httpStatus: Int, retryAfter: String?, notBefore: Duration? = nil) {
    self.httpStatus = httpStatus
    self.retryAfter = retryAfter
    self.notBefore = notBefore
  }

  /// Reads the answer to CreateUploadVideo or RefreshUploadVideo; `now` is the server's time at the answer.
  package func uploadGrant(from body: Span<UInt8>, now: UTCTime) -> Result<UploadGrant, VODFailure> {
    answer(from: body) { (root) throws(AnswerFault) in try UploadGrant(root, now: now) }
  }

  package func mezzanineInfo(from body: Span<UInt8>) -> Result<MezzanineInfo, VODFailure> {
    answer(from: body) { (root) throws(AnswerFault) in try MezzanineInfo(root) }
  }

  /// Reads an answer without content, that to DeleteMultipartUpload; returns its RequestId.
  package func success(from body: Span<UInt8>) -> Result<String?, VODFailure> {
    answer(from: body) { (root) throws(AnswerFault) in
      if let code = root.errorCode, !AnswerFault.successCodes.contains(code) { throw .noCode }
      return root.requestID
    }
  }

  private func answer<Content>(
    from body: Span<UInt8>, _ read: (borrowing JSONValue) throws(AnswerFault) -> Content
  ) -> Result<Content, VODFailure> {
    guard body.count <= Self.maxBodyLength else { return .failure(failure(for: .tooLong, requestID: nil)) }
    let document: JSONDocument
    do {
      document = try JSONDocument(body)
    } catch {
      return .failure(failure(for: .notJSON, requestID: nil))
    }
    let root = document.root
    guard httpStatus == 200 else { return .failure(refusal(root)) }
    do {
      return .success(try read(root))
    } catch {
      // As with STS, a gateway may send an error with status 200.
      if let code = root.errorCode, !AnswerFault.successCodes.contains(code) { return .failure(refusal(root)) }
      return .failure(failure(for: error, requestID: root.requestID))
    }
  }

  /// The failure that an error body describes.
  private func refusal(_ root: borrowing JSONValue) -> VODFailure {
    guard let code = root.errorCode else { return failure(for: .noCode, requestID: root.requestID) }
    let row = VODErrorTable.row(forCode: code, httpStatus: httpStatus)
    return failure(row.kind, code: code, requestID: root.requestID, remedy: row.remedy)
  }

  private func failure(for fault: AnswerFault, requestID: String?) -> VODFailure {
    let row = VODErrorTable.row(for: fault, httpStatus: httpStatus)
    return failure(row.kind, code: fault.code, requestID: requestID, remedy: row.remedy)
  }

  private func failure(_ kind: VODFailure.Kind, code: String, requestID: String?, remedy: String) -> VODFailure {
    var kind = throttle ?? kind
    if kind == .throttled(wait: nil), retryAfter == nil, let notBefore { kind = .throttled(wait: notBefore) }
    return VODFailure(
      kind, code: code, httpStatus: httpStatus, requestID: requestID, notBefore: notBefore, remedy: remedy)
  }

  private var throttle: VODFailure.Kind? {
    guard let retryAfter else { return nil }
    return .throttled(wait: RetryAfter.wait(milliseconds: retryAfter))
  }
}

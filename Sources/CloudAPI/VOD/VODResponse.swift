package import Core
internal import JSON

/// The parts of a response's head that are needed to read its body.
package struct VODResponse {
  /// The maximum length that is read of a body; a longer one is no answer of VOD.
  package static var maxBodyLength: Int { GatewayResponse.maxBodyLength }

  private let response: GatewayResponse

  /// `retryAfter` is the value of `x-acs-retry-after`; nil if the header is missing. `notBefore` is the wait that `RetryAfter`
  /// reads from the standard header.
  package init(httpStatus: Int, retryAfter: String?, notBefore: Duration? = nil) {
    response = GatewayResponse(httpStatus: httpStatus, retryAfter: retryAfter, notBefore: notBefore)
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
      guard root.kind == .object else { throw .notJSON }
      if let code = root.errorCode, !AnswerFault.successCodes.contains(code) { throw .noCode }
      return root.requestID
    }
  }

  private func answer<Content>(
    from body: Span<UInt8>, _ read: (borrowing JSONValue) throws(AnswerFault) -> Content
  ) -> Result<Content, VODFailure> {
    response.content(from: body, read).mapError { rejection in
      switch rejection {
      case .error(let code, _, let requestID):
        failure(
          VODErrorTable.row(forCode: code, httpStatus: response.httpStatus), code: code, requestID: requestID)
      case .fault(let fault, let requestID):
        failure(
          VODErrorTable.row(for: fault, httpStatus: response.httpStatus), code: fault.code, requestID: requestID)
      }
    }
  }

  private func failure(_ row: VODErrorTable.Row, code: String, requestID: String?) -> VODFailure {
    VODFailure(
      response.throttle(row.kind == .throttled(wait: nil)).map { .throttled(wait: $0) } ?? row.kind, code: code,
      httpStatus: response.httpStatus, requestID: requestID, notBefore: response.notBefore, remedy: row.remedy)
  }
}

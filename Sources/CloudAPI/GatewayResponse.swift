internal import Core
internal import JSON

/// What the JSON responses of STS and VOD have in common, which are behind the same gateway.
struct GatewayResponse {
  /// The maximum length that is read of a body; a longer one is from neither service.
  static let maxBodyLength = 65_536

  /// Why a body isn't the requested content.
  enum Rejection: Error {
    /// The service reports an error.
    case error(code: String, message: String?, requestID: String?)
    /// The body isn't from the service, or is damaged.
    case fault(AnswerFault, requestID: String?)
  }

  let httpStatus: Int
  /// The value of `x-acs-retry-after`; nil if the header is missing.
  let retryAfter: String?
  /// The wait that `RetryAfter` reads from the standard header; nil if it requests none.
  let notBefore: Duration?

  func content<Content>(
    from body: Span<UInt8>, _ read: (borrowing JSONValue) throws(AnswerFault) -> Content
  ) -> Result<Content, Rejection> {
    guard body.count <= Self.maxBodyLength else { return .failure(.fault(.tooLong, requestID: nil)) }
    let document: JSONDocument
    do {
      document = try JSONDocument(body)
    } catch {
      return .failure(.fault(.notJSON, requestID: nil))
    }
    let root = document.root
    guard httpStatus == 200 else { return .failure(Self.rejection(root)) }
    do {
      return .success(try read(root))
    } catch {
      // The gateway may send an error with status 200. An answer with all requested content counts, whatever else it has.
      if let code = root.errorCode, !AnswerFault.successCodes.contains(code) { return .failure(Self.rejection(root)) }
      return .failure(.fault(error, requestID: root.requestID))
    }
  }

  private static func rejection(_ root: borrowing JSONValue) -> Rejection {
    guard let code = root.errorCode else { return .fault(.noCode, requestID: root.requestID) }
    return .error(code: code, message: root.either("Message", "message"), requestID: root.requestID)
  }

  /// Whether the failure is throttling, and with which wait: nil if it isn't, `.some(nil)` if the server requests no wait.
  ///
  /// `isThrottled` is what the code or the status alone means. The gateway's header makes any failure throttling, and its wait
  /// takes precedence over the standard header's.
  func throttle(_ isThrottled: Bool) -> Duration?? {
    if let retryAfter { return .some(RetryAfter.wait(milliseconds: retryAfter)) }
    return isThrottled ? .some(notBefore) : nil
  }
}

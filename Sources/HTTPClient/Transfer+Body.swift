import CCurl
import Core
import Glibc

/// The request's body, as libcurl reads it.
extension Transfer {
  /// libcurl's minimum (CURLOPT_UPLOAD_BUFFERSIZE(3)), in bytes.
  private static let leastBuffer = 16_384

  func setUp(_ method: HTTPRequest.Method, _ body: HTTPRequest.Body) {
    if case (.post, .empty) = (method, body) { return }
    isSetToPostNothing = false
    switch body {
    case .empty where method == .get:
      must(ccurl_set_long(easy, CURLOPT_HTTPGET, 1))
      return
    case .empty: break
    case .bytes(let bytes):
      must(ccurl_set_large(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count)))
      bytes.withUnsafeBytes { must(ccurl_copy_body(easy, $0.baseAddress ?? UnsafeRawPointer(detail))) }
    case .stream(let stream):
      self.stream = stream
      offset = 0
      // With any set, libcurl (7.88) takes them for the body when it sends the request again, and doesn't rewind the stream.
      must(ccurl_set_pointer(easy, CURLOPT_POSTFIELDS, nil))
      must(ccurl_set_long(easy, CURLOPT_UPLOAD, 1))
      must(ccurl_set_large(easy, CURLOPT_INFILESIZE_LARGE, stream.length))
      setBuffer(min(uploadBuffer, stream.length))
    }
    must(ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, method.rawValue))
  }

  /// libcurl allocates it for each request with a body: the fewer pages, the faster.
  private func setBuffer(_ size: Int) {
    let size = max(Self.leastBuffer, size)
    guard size != bufferSize else { return }
    bufferSize = size
    must(ccurl_set_long(easy, CURLOPT_UPLOAD_BUFFERSIZE, size))
  }

  /// A POST with an empty body and a Content-Length of 0.
  func setToPostNothing() {
    must(ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, nil))
    must(ccurl_set_long(easy, CURLOPT_POST, 1))
    must(ccurl_set_large(easy, CURLOPT_POSTFIELDSIZE_LARGE, 0))
    must(ccurl_copy_body(easy, ""))
    must(ccurl_set_large(easy, CURLOPT_INFILESIZE_LARGE, -1))
    stream = nil
    setBuffer(Self.leastBuffer)
    isSetToPostNothing = true
  }

  /// Fills `room` with the next bytes of the body; returns how many, 0 at its end.
  func readBody(into room: UnsafeMutableRawBufferPointer) -> Int {
    guard let stream, offset < stream.length else { return 0 }
    let wanted = min(stream.length - offset, room.count)
    let most = allowance > 0 ? min(allowance, wanted) : pace.take(of: wanted, for: self)
    guard most > 0 else { return Int(CURL_READFUNC_PAUSE) }
    allowance = max(0, allowance - most)
    let part = UnsafeMutableRawBufferPointer(rebasing: room.prefix(most))
    guard let count = stream.read(offset, part), count > 0 else { return Int(CURL_READFUNC_ABORT) }
    precondition(count <= part.count, "a body was read beyond its room")
    offset += count
    return count
  }

  /// Resumes after a pause, with that many bytes allowed.
  func resume(allowance: Int) {
    self.allowance = allowance
    // Fails for a transfer that has just ended, which doesn't matter any more.
    _ = curl_easy_pause(easy, CURLPAUSE_CONT)
  }

  /// libcurl rewinds the body when it sends a request again.
  func seek(to offset: curl_off_t, from origin: CInt) -> CInt {
    guard let stream, origin == SEEK_SET, (0...stream.length).contains(offset) else { return CURL_SEEKFUNC_FAIL }
    self.offset = offset
    return CURL_SEEKFUNC_OK
  }
}

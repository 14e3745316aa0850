import CMicroHTTPD

/// A body that is sent in pieces: up to where the connection breaks off, or byte by byte.
final class PiecewiseBody {
  private let bytes: ArraySlice<UInt8>
  /// The Content-Length in the answer's head.
  let length: Int
  private let milliseconds: Int?
  private let delay: (Int) -> Void
  private lazy var start = ContinuousClock.now

  /// Announces all of `bytes` and ends before the byte at `end`.
  init(_ bytes: [UInt8], end: Int) {
    self.bytes = bytes[..<end]
    length = bytes.count
    milliseconds = nil
    delay = { _ in }
  }

  /// One byte at a time; the last one is sent after `milliseconds`. `delay` waits that many on the calling thread.
  init(_ bytes: [UInt8], spreadOver milliseconds: Int, delay: @escaping (Int) -> Void) {
    self.bytes = bytes[...]
    length = bytes.count
    self.milliseconds = milliseconds
    self.delay = delay
  }

  /// The next piece; empty if the connection should break off.
  func next(from position: Int, most: Int) -> ArraySlice<UInt8> {
    guard let milliseconds else { return bytes.dropFirst(position).prefix(most) }
    let due = start + .milliseconds(milliseconds * (position + 1) / max(1, length))
    let wait = Int((due - ContinuousClock.now) / .milliseconds(1))
    if wait > 0 { delay(wait) }
    return bytes.dropFirst(position).prefix(1)
  }
}

/// A response with all of a body's bytes that may end the connection before the last one.
func piecewiseResponse(_ body: PiecewiseBody) -> OpaquePointer? {
  MHD_create_response_from_callback(
    UInt64(body.length), 4096,
    { body, position, target, capacity in
      guard let body, let target else { return Int(-2) }
      let bytes = Unmanaged<PiecewiseBody>.fromOpaque(body).takeUnretainedValue().next(
        from: Int(position), most: capacity)
      // -2 is MHD_CONTENT_READER_END_WITH_ERROR, a cast that Swift doesn't import.
      guard !bytes.isEmpty else { return Int(-2) }
      UnsafeMutableRawBufferPointer(start: target, count: capacity).copyBytes(from: bytes)
      return bytes.count
    }, Unmanaged.passRetained(body).toOpaque(),
    { body in if let body { Unmanaged<PiecewiseBody>.fromOpaque(body).release() } })
}

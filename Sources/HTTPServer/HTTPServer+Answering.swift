import CLinux
import Glibc
package import LocalSockets

/// Answers: immediate, deferred, and as a stream.
extension HTTPServer {
  private static let closeLine: StaticString = "Connection: close\r\n\r\n"
  private static let closeBytes = PlainBytes(closeLine.description)

  /// Answers a request that `respond` deferred. Without effect if the client is gone or has its answer.
  package func complete(_ token: ResponseToken, _ response: Response) {
    guard let connection = find(token), connection.phase == .waiting else { return }
    outsideDispatch {
      answer(connection, response)
      goOn(connection)
    }
  }

  package func process(of token: ResponseToken) -> PeerProcess? {
    guard let connection = find(token), connection.phase != .free else { return nil }
    // A client can see to it that nothing is found, by leaving the connection to another process, and a request may ask for each role.
    if connection.process == nil, connection.lookedUp != token.serial {
      connection.lookedUp = token.serial
      connection.process = processes.process(
        of: connection.descriptor, connection.peer, accepted: connection.accepted)
    }
    return connection.process
  }

  package func note(_ note: Int, for token: ResponseToken) { find(token)?.latest.add(note: note) }

  /// Begins an answer of unknown length: `head` is as in a Response, without a Content-Length; the stream ends with the connection.
  /// False if the client is gone.
  @discardableResult
  package func beginStream(_ token: ResponseToken, head: any ResponseBytes) -> Bool {
    guard let connection = find(token), connection.phase == .waiting else { return false }
    connection.phase = .streaming
    connection.closesAfterOutput = false
    deadlines.clear(Int(connection.slot))
    var isThere = true
    outsideDispatch {
      isThere = transmit(connection, head, isLast: true)
      if isThere, connection.isHeadOnly { finish(token) }
      if isThere { settle(connection) }
    }
    return isThere && !connection.closesAfterOutput && connection.phase == .streaming
  }

  /// Sends more of a stream. False if the client is gone, or is dropped because it is too far behind; `abandoned` isn't called for
  /// that.
  @discardableResult
  package func send(_ token: ResponseToken, _ bytes: any ResponseBytes) -> Bool {
    guard let connection = find(token), connection.phase == .streaming, !connection.closesAfterOutput else {
      return false
    }
    var isThere = true
    outsideDispatch {
      isThere = transmit(connection, bytes, isLast: false)
      guard isThere else { return }
      if connection.outputSize > limits.streamLag {
        note(connection.peer, .laggingStream)
        release(connection)
        isThere = false
      } else {
        settle(connection)
      }
    }
    return isThere
  }

  package func backlog(of token: ResponseToken) -> Int { find(token)?.outputSize ?? 0 }

  /// Ends a stream after all of it has been sent, and closes the connection.
  package func finish(_ token: ResponseToken) {
    guard let connection = find(token), connection.phase == .streaming, !connection.closesAfterOutput else { return }
    outsideDispatch {
      connection.closesAfterOutput = true
      if connection.output.isEmpty { release(connection) } else { setDeadline(connection, .drain) }
    }
  }

  /// The connection's descriptor; nil if the client is gone.
  func descriptor(of token: ResponseToken) -> CInt? { find(token).flatMap { $0.phase == .free ? nil : $0.descriptor } }

  private func find(_ token: ResponseToken) -> Connection? {
    guard token.slot < connections.count else { return nil }
    let connection = connections[Int(token.slot)]
    return connection.serial == token.serial ? connection : nil
  }

  /// Sends the answer to the current request; bytes that the socket doesn't take at once are pending.
  func answer(_ connection: Connection, _ response: Response) {
    connection.phase = .reading
    connection.serial = 0
    let isLast = connection.closesAfterOutput
    if connection.isHeadOnly {
      guard transmit(connection, response.head, isLast: isLast) else { return }
    } else if response.rest.isEmpty {
      guard transmit(connection, response.head, response.body, isLast: isLast) else { return }
    } else {
      guard transmit(connection, response.head, response.body, response.rest[0], isLast: isLast) else { return }
      for part in response.rest.dropFirst() { connection.append(part) }
    }
    if !connection.output.isEmpty {
      setDeadline(connection, .drain)
    } else if connection.closesAfterOutput {
      release(connection)
    }
  }

  /// Sends pending output, as far as the socket takes it and no more than `largestSend`; epoll reports when there is room for more.
  func flush(_ connection: Connection) {
    var room = HTTPServer.largestSend
    while room > 0, let part = connection.output.first {
      var sent = 0
      part.bytes.withBytes { bytes in
        bytes.extracting(part.range.prefix(room)).withUnsafeBufferPointer {
          sent = clinux_send(connection.descriptor, clinux_part($0), clinux_part(), clinux_part(), clinux_part())
        }
      }
      if sent == -Int(EAGAIN) { return }
      if sent < 0 { return abandon(connection) }
      connection.removeOutput(sent)
      room -= sent
    }
    if connection.output.isEmpty, connection.closesAfterOutput { return release(connection) }
    goOn(connection)
  }

  /// Continues after an answer that was given outside of `respond`, or whose last byte was sent only now.
  private func goOn(_ connection: Connection) {
    if connection.phase == .reading, connection.output.isEmpty {
      setDeadline(connection, connection.input.isEmpty ? .idle : .head)
      if !connection.input.isEmpty { enqueue(connection) }
    }
    settle(connection)
  }

  /// Sends `first`, `second` and `third`; bytes that the socket doesn't take at once, or beyond `largestSend`, are pending. If `first` is
  /// the connection's last head, `Connection: close` is inserted before its empty line. False if the client turns out to be gone;
  /// its slot is free then.
  private func transmit(
    _ connection: Connection, _ first: any ResponseBytes, _ second: (any ResponseBytes)? = nil,
    _ third: (any ResponseBytes)? = nil, isLast: Bool
  ) -> Bool {
    let close = isLast ? clinux_part(HTTPServer.closeLine) : clinux_part()
    let firstCount = isLast ? max(0, first.count - 2) : first.count
    let secondCount = second?.count ?? 0
    let thirdCount = third?.count ?? 0
    var sent = 0
    if connection.output.isEmpty {
      // The empty line that `close` replaces is copied, too.
      sent =
        third == nil && first.count + close.count + secondCount <= HTTPServer.largestJoined
        ? sendJoined(connection, first, firstCount, close, second)
        : sendParts(connection, first, firstCount, close, second, third)
    }
    if sent == firstCount + close.count + secondCount + thirdCount { return true }
    if sent < 0 {
      guard sent == -Int(EAGAIN) else {
        release(connection)
        return false
      }
      sent = 0
    }
    connection.append(first, 0..<firstCount, after: &sent)
    if isLast { connection.append(HTTPServer.closeBytes, 0..<close.count, after: &sent) }
    if let second { connection.append(second, 0..<secondCount, after: &sent) }
    if let third { connection.append(third, 0..<thirdCount, after: &sent) }
    return true
  }

  /// Sends a small answer in one piece; returns how much of it the socket took, or a negative errno.
  private func sendJoined(
    _ connection: Connection, _ first: any ResponseBytes, _ firstCount: Int, _ close: clinux_part,
    _ second: (any ResponseBytes)?
  ) -> Int {
    let start = UnsafeMutableRawPointer(joined.baseAddress!)
    first.copyBytes(to: start)
    var size = firstCount
    if let bytes = close.bytes { (start + size).copyMemory(from: bytes, byteCount: close.count) }
    size += close.count
    if let second {
      second.copyBytes(to: start + size)
      size += second.count
    }
    return clinux_send_and_wipe(connection.descriptor, start, size)
  }

  /// Sends the parts without copying them, and of the second and the third no more than `largestSend` each; nothing of the third unless
  /// that is all of the second.
  private func sendParts(
    _ connection: Connection, _ first: any ResponseBytes, _ firstCount: Int, _ close: clinux_part,
    _ second: (any ResponseBytes)?, _ third: (any ResponseBytes)?
  ) -> Int {
    var sent = 0
    first.withBytes { bytes in
      bytes.withUnsafeBufferPointer { first in
        let head = clinux_part(bytes: first.baseAddress, count: firstCount)
        guard let second else {
          sent = clinux_send(connection.descriptor, head, close, clinux_part(), clinux_part())
          return
        }
        second.withBytes { bytes in
          bytes.withUnsafeBufferPointer {
            let beginning = clinux_part(beginningOf: $0)
            guard let third, beginning.count == $0.count else {
              sent = clinux_send(connection.descriptor, head, close, beginning, clinux_part())
              return
            }
            third.withBytes { bytes in
              bytes.withUnsafeBufferPointer {
                sent = clinux_send(connection.descriptor, head, close, beginning, clinux_part(beginningOf: $0))
              }
            }
          }
        }
      }
    }
    return sent
  }
}

extension clinux_part {
  fileprivate init(_ bytes: UnsafeBufferPointer<UInt8>) { self.init(bytes: bytes.baseAddress, count: bytes.count) }
  fileprivate init(beginningOf bytes: UnsafeBufferPointer<UInt8>) {
    self.init(bytes: bytes.baseAddress, count: min(bytes.count, HTTPServer.largestSend))
  }

  fileprivate init(_ text: StaticString) { self.init(bytes: text.utf8Start, count: text.utf8CodeUnitCount) }
}

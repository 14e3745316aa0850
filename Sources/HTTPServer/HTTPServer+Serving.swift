import CLinux
import Core
import Glibc

/// Handling of ready connections and of deadlines: heads in, answers out.
extension HTTPServer {
  /// Input is reported once, when it arrives (EPOLLET): otherwise the kernel would check the socket again after each request, only
  /// to find nothing. `mayHaveInput` notes whether a report has left input to be read.
  private static let input = EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
  private static let gone = EPOLLHUP.rawValue | EPOLLERR.rawValue

  func visit(_ connection: Connection, _ events: UInt32) {
    let isGone = events & HTTPServer.gone != 0
    connection.mayHaveInput = true
    if events & (HTTPServer.gone | EPOLLRDHUP.rawValue) != 0 { connection.hasEnded = true }
    switch connection.phase {
    case .reading where connection.output.isEmpty:
      // A client that is gone may have left requests behind; reading finds them.
      if connection.isQueued {
        if isGone { release(connection) }
      } else if hasToQueue(connection.peer.uid) {
        enqueue(connection)
      } else {
        receive(connection)
      }
    case _ where isGone:
      abandon(connection)
    case .reading:
      flush(connection)
    case .streaming where !connection.output.isEmpty:
      flush(connection)
    case .waiting, .streaming, .lingering:
      // Further requests, or a half-closed connection; neither matters now, and both would be reported again and again.
      watch(connection, 0)
    case .free:
      break
    }
  }

  func receive(_ connection: Connection) {
    let isFresh = connection.input.isEmpty
    let most = limits.headSize(of: connection.peer.uid)
    let room = isFresh ? scratch : connection.input.reserve(nextRead(after: connection.input.count, atMost: most))
    let count = recv(connection.descriptor, room.baseAddress, room.count, 0)
    guard count > 0 else {
      guard count < 0, errno == EAGAIN || errno == EINTR else { return release(connection) }
      if errno == EAGAIN { connection.mayHaveInput = false }
      return settle(connection)
    }
    // Less than there was room for: that was all, except for the end. A message with descriptors (SCM_RIGHTS) or an out-of-band
    // byte also ends a read early. No HTTP client sends these; if one does, its bytes after them wait until it sends more.
    connection.mayHaveInput = count == room.count || connection.hasEnded
    if isFresh {
      let bytes = UnsafeMutableBufferPointer(rebasing: room[..<count])
      let served = serve(connection, bytes)
      if connection.keepsInput, served < count {
        connection.input.append(UnsafeMutableBufferPointer(rebasing: bytes[served...]))
      }
      finishVisit(connection, served)
    } else {
      connection.input.extend(count)
      serveInput(connection)
    }
  }

  /// Continues with requests that had to wait for an earlier answer, or for other connections' turns.
  func resume(_ connection: Connection) {
    guard connection.phase == .reading, connection.output.isEmpty else { return }
    // If everything was scanned, the buffer contains the beginning of a head, and more has to be read.
    if connection.scan.seen == connection.input.count { receive(connection) } else { serveInput(connection) }
  }

  /// How much more to read after the beginning of a head: memory grows with what was sent, not with the limit.
  private func nextRead(after count: Int, atMost most: Int) -> Int { max(1, min(most - count, max(512, count))) }

  private func serveInput(_ connection: Connection) {
    // Held here meanwhile: a handler that ends the connection doesn't free the bytes of the request that it is reading.
    var input = InputBuffer()
    swap(&input, &connection.input)
    let served = serve(connection, input.bytes)
    if connection.keepsInput {
      input.removeFirst(served)
      swap(&input, &connection.input)
    }
    finishVisit(connection, served)
  }

  /// Sets the deadline for the next event, and the events to watch for.
  private func finishVisit(_ connection: Connection, _ served: Int) {
    if connection.phase == .reading, connection.output.isEmpty {
      if connection.input.isEmpty {
        setDeadline(connection, .idle)
      } else if served > 0 || deadlines.kind(of: Int(connection.slot)) != .head {
        setDeadline(connection, .head)
      }
    }
    settle(connection)
  }

  /// Serves the requests in `bytes` until an answer has to be waited for; returns how many bytes have been consumed.
  private func serve(_ connection: Connection, _ bytes: UnsafeMutableBufferPointer<UInt8>) -> Int {
    var done = 0
    let headSize = limits.headSize(of: connection.peer.uid)
    for _ in 0..<HTTPServer.requestsPerVisit {
      guard done < bytes.count, connection.phase == .reading, connection.output.isEmpty else { return done }
      if done > 0 && (isTurnOver || hasHadShare(connection.peer.uid)) { break }
      let rest = UnsafeMutableBufferPointer(rebasing: bytes[done...])
      // Checked before scanning for the end, which is known for a repeated head.
      if connection.latest.isAtStart(of: rest) {
        connection.scan = HeadScan()
        done += connection.latest.count
        let head = UnsafeBufferPointer(rebasing: rest[..<connection.latest.count])
        handle(connection, RequestHead(connection.latest.fields, head, note: connection.latest.note))
        continue
      }
      var scan = connection.scan
      // No further than a head may reach: a byte after that would count only if it arrived in one piece with the rest.
      switch scan.find(in: rest.span.extracting(first: min(rest.count, headSize))) {
      case .complete(let size):
        connection.scan = HeadScan()
        done += size
        handle(connection, UnsafeMutableBufferPointer(rebasing: rest[..<size]))
      case .incomplete where rest.count < headSize:
        connection.scan = scan
        return done
      case .incomplete:
        refuse(connection, .tooLarge, ProblemAnswer.refusal(.headTooLarge))
      case .refused(let refusal):
        refuse(connection, .malformed, ProblemAnswer.refusal(refusal))
      }
    }
    if done < bytes.count, connection.phase == .reading { enqueue(connection) }
    return done
  }

  private func handle(_ connection: Connection, _ bytes: UnsafeMutableBufferPointer<UInt8>) {
    var fields = HeadFields()
    do throws(HeadRefusal) {
      var head = MutableSpan(_unsafeElements: bytes)
      try HeadParser.parse(&head, into: &fields)
    } catch {
      let isSize = error == .headTooLarge || error == .targetTooLong
      return refuse(connection, isSize ? .tooLarge : .malformed, Self.answer(to: error, fields, bytes))
    }
    // A client that repeats a request once is likely to do so again.
    if connection.hasAsked { connection.latest.keep(bytes, fields) }
    connection.hasAsked = true
    handle(connection, RequestHead(fields, UnsafeBufferPointer(bytes)))
  }

  private func handle(_ connection: Connection, _ request: borrowing RequestHead) {
    statistics.requests += 1
    noteServed(connection.peer.uid)
    nextSerial += 1
    connection.serial = nextSerial
    connection.isHeadOnly = request.isHeadOnly
    connection.closesAfterOutput = !request.keepsAlive || drained != nil
    connection.phase = .waiting
    let token = connection.token
    let response = handler.respond(to: request, from: connection.peer, token: token)
    // The handler may have answered already, or stopped the server.
    guard connection.phase == .waiting, connection.token == token else { return }
    if let response { answer(connection, response) } else { deadlines.clear(Int(connection.slot)) }
  }

  private static func answer(
    to refusal: HeadRefusal, _ fields: HeadFields, _ bytes: UnsafeMutableBufferPointer<UInt8>
  ) -> PlainBytes {
    guard refusal == .repeatedQueryName else { return ProblemAnswer.refusal(refusal) }
    let name = bytes[fields.queryNames[fields.queryCount].range].prefix(64)
    return ProblemAnswer.repeatedQueryName(String(decoding: name, as: UTF8.self))
  }

  /// Watches for the events that the connection's phase needs; costs a system call only if they have changed.
  func settle(_ connection: Connection) {
    switch connection.phase {
    case .free: return
    case _ where !connection.output.isEmpty: watch(connection, EPOLLOUT.rawValue)
    case .reading:
      watch(connection, HTTPServer.input)
      if connection.mayHaveInput, connection.phase == .reading { enqueue(connection) }
    // Meanwhile input is rare: `visit` stops watching for it when it comes. If the client's end was reported together with its
    // input, changing the events makes epoll report it again if the client is gone.
    case .waiting, .streaming, .lingering:
      if connection.interest != HTTPServer.input || connection.hasEnded { watch(connection, 0) }
    }
  }

  private func watch(_ connection: Connection, _ events: UInt32) {
    if connection.interest == events { return }
    let operation = connection.interest == nil ? EPOLL_CTL_ADD : EPOLL_CTL_MOD
    connection.interest = events
    var event = epoll_event(events: events, data: epoll_data_t(u64: connection.tag))
    // Out of memory, or of the user's share of watches: without events the connection can't be served.
    if epoll_ctl(epoll, CInt(operation), connection.descriptor, &event) != 0 { abandon(connection) }
  }

  /// Counts a refusal, and notifies the handler.
  func note(_ peer: Peer, _ reason: ServerStatistics.Refusal) {
    statistics.count(reason)
    handler.refused(peer, reason)
  }

  /// Answers with a problem and closes the connection, after a moment for the client to read it.
  func refuse(_ connection: Connection, _ reason: ServerStatistics.Refusal, _ answer: PlainBytes) {
    note(connection.peer, reason)
    answer.withBytes { bytes in
      bytes.withUnsafeBufferPointer {
        let all = clinux_part(bytes: $0.baseAddress, count: $0.count)
        // Best effort: a client that doesn't take it is closed all the same.
        _ = clinux_send(connection.descriptor, all, clinux_part(), clinux_part(), clinux_part())
      }
    }
    uncount(connection)
    if lingering >= limits.maximumLingering { endHungUp(.lingering) }
    guard lingering < limits.maximumLingering, shutdown(connection.descriptor, CInt(SHUT_WR)) == 0 else {
      // With its request unread the client would get ECONNRESET after the answer (`unix_release_sock` in the kernel's
      // net/unix/af_unix.c). One that is still sending gets that, or EPIPE.
      _ = recv(connection.descriptor, scratch.baseAddress, scratch.count, CInt(MSG_DONTWAIT))
      return release(connection)
    }
    lingering += 1
    hangUps.setLingering(Int(connection.slot), connection.descriptor)
    connection.phase = .lingering
    setDeadline(connection, .linger)
    settle(connection)
  }

  func setDeadline(_ connection: Connection, _ kind: DeadlineLists.Kind) {
    let slot = Int(connection.slot)
    switch kind {
    case .head: deadlines.set(slot, kind, at: now + spans.head)
    case .idle:
      // A busy connection's deadline is far away: it isn't moved with each request, and may be later by up to `idleStep`.
      if deadlines.holds(slot, .idle, notBefore: now + spans.idle) { return }
      deadlines.set(slot, .idle, at: now + spans.idle + HTTPServer.idleStep)
    case .drain: deadlines.set(slot, kind, at: now + spans.drain)
    case .linger: deadlines.set(slot, kind, at: now + spans.linger)
    }
  }

  func expired(_ connection: Connection, _ kind: DeadlineLists.Kind) {
    switch kind {
    case .head where connection.input.isEmpty:
      note(connection.peer, .slowRequest)
      release(connection)
    case .head:
      refuse(connection, .slowRequest, ProblemAnswer.tooSlow)
    case .drain:
      note(connection.peer, .slowReader)
      release(connection)
    case .idle, .linger:
      release(connection)
    }
  }
}

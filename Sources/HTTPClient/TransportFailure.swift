import CCurl

/// Why there was no complete answer.
package struct TransportFailure: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    /// The name has no address, or this host's resolver didn't answer in time.
    case resolve
    /// Refused or unreachable.
    case connect
    /// No connection, or no complete TLS handshake, within the connect timeout.
    case connectTimeout
    /// Connected, but no complete answer within the total timeout.
    case timeout
    /// The server's certificate isn't valid for this name at this time, or its CA isn't in the CA file.
    case tlsVerification
    /// The CA file can't be read or contains no certificate.
    case caFile
    /// The TLS handshake failed for any other reason.
    case tlsOther
    /// More than the client's `bodyLimit` bytes, or a line of its head longer than libcurl takes.
    case bodyTooLarge
    /// The answer isn't HTTP/1.1.
    case protocolViolation
    /// The connection ended before the first line of an answer.
    case noAnswer
    /// The connection ended in the middle of the answer.
    case cut
    /// The proxy refuses connections or accepts none in time.
    case proxyUnreachable
    /// The proxy's name has no address, or this host's resolver didn't answer in time.
    case proxyUnresolved
    /// The proxy requires credentials, or refuses ours (407).
    case proxyAuthentication
    /// The proxy refuses to open a tunnel to the host.
    case proxyRefused
    /// The proxy gave no valid answer to CONNECT: silence, garbage, or the end of the connection.
    case proxyBroken
    /// The request can't be sent as it is: not an https URL, a line break in a header, or a body that can't be read.
    case unsuitableRequest
    /// This process has no thread, descriptor or memory for it.
    case noResources
    case other
  }

  package let kind: Kind
  /// libcurl's code (libcurl-errors(3)); 0 if libcurl wasn't called.
  package let curlCode: Int
  /// One line, safe for logs: made by libcurl or us, at most 200 characters. Quotes neither our headers nor the server's text.
  package let text: String
  /// `Retry-After` and `Date` of a proxy's refusal, as sent, each at most 64 printable ASCII characters.
  package let retryAfter: String?
  package let date: String?
  /// Why there is no connection, as the kernel has it (errno(3)); 0 if it isn't known.
  package internal(set) var systemError: CInt = 0

  package init(
    _ kind: Kind, curlCode: Int = 0, text: String, retryAfter: String? = nil, date: String? = nil
  ) {
    self.kind = kind
    self.curlCode = curlCode
    self.text = text
    self.retryAfter = retryAfter
    self.date = date
  }

  package var description: String { text }

  /// Whether a file of this host is the cause, the client's certificate or key or the CA file: nothing was sent.
  package var isOfClientFiles: Bool { kind == .caFile || curlCode == Int(CURLE_SSL_CERTPROBLEM.rawValue) }
}

extension TransportFailure {
  /// How far a transfer had come, which distinguishes one time-out from another.
  enum Progress {
    case connecting
    /// The TLS handshake is done, and no line of an answer has arrived.
    case exchanging
    case answering
  }

  /// No address was found for `name`, which is the proxy's or the URL's host.
  init(unresolved name: String, _ why: String, isProxy: Bool) {
    self.init(
      isProxy ? .proxyUnresolved : .resolve, curlCode: Int(CURLE_COULDNT_RESOLVE_HOST.rawValue),
      text: Self.printable("no address for '\(name)': \(why)"))
  }

  /// `name` wasn't looked up at all.
  init(notLookedUp name: String, _ why: String) {
    self.init(.noResources, text: Self.printable("'\(name)' can't be looked up: \(why)"))
  }

  /// Classifies libcurl's code. `detail` has more information, and is used only for steps before the first byte of HTTP: libcurl's
  /// text for later steps may quote the server, which may quote our signature.
  init(
    _ code: CURLcode, during progress: Progress, detail: String, tooLarge: Bool, bodyLimit: Int = HTTPClient.bodyLimit
  ) {
    // For a header line over 100 KB (CURL_MAX_HTTP_HEADER) libcurl reports that memory ran out, which isn't the case.
    let isHeadTooLarge = code == CURLE_OUT_OF_MEMORY && progress != .connecting
    let kind = tooLarge || isHeadTooLarge ? .bodyTooLarge : Self.kind(code, during: progress)
    let text =
      switch kind {
      case .resolve, .connect, .connectTimeout, .tlsVerification, .tlsOther:
        detail.isEmpty ? Self.standardText(code) : Self.printable(Self.plain(detail))
      case .bodyTooLarge where isHeadTooLarge: "a line of the answer's head is over 100 KB"
      case .bodyTooLarge: "the answer's body is over \(bodyLimit) bytes"
      default: Self.standardText(code)
      }
    self.init(kind, curlCode: Int(code.rawValue), text: text)
  }

  /// How far a transfer through a proxy had come.
  enum Tunnel {
    case unreached, asked
    /// With this status.
    case refused(Int)
    case open
  }

  /// The failure before the tunnel was open; nil for a failure within it, or on our side. Quotes no text of the proxy. `head` is
  /// that of its answer, if one came.
  init?(proxyCode code: CURLcode, tunnel: Tunnel, detail: String, head: AnswerHead) {
    guard code != CURLE_URL_MALFORMAT, code != CURLE_SSL_CACERT_BADFILE else { return nil }
    let number = Int(code.rawValue)
    switch tunnel {
    case .open: return nil
    case .unreached:
      // After connecting it means that the head of the proxy's answer is too large.
      if code == CURLE_OUT_OF_MEMORY { return nil }
      let text = detail.isEmpty ? Self.standardText(code) : Self.printable(Self.plain(detail))
      self.init(.proxyUnreachable, curlCode: number, text: text)
    case .refused(let status):
      self.init(
        status == 407 ? .proxyAuthentication : .proxyRefused, curlCode: number,
        text: "the proxy answered CONNECT with \(status)", retryAfter: head.standardRetryAfter, date: head.date)
    case .asked:
      let text =
        code == CURLE_OPERATION_TIMEDOUT
        ? "the proxy didn't answer CONNECT in time" : "the proxy gave no answer to CONNECT that reads"
      self.init(.proxyBroken, curlCode: number, text: text)
    }
  }

  private static func kind(_ code: CURLcode, during progress: Progress) -> Kind {
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST: .resolve
    case CURLE_COULDNT_CONNECT: .connect
    case CURLE_OPERATION_TIMEDOUT:
      switch progress {
      case .connecting: .connectTimeout
      case .exchanging, .answering: .timeout
      }
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS: .tlsVerification
    case CURLE_SSL_CACERT_BADFILE: .caFile
    case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ENGINE_INITFAILED: .tlsOther
    case CURLE_FILESIZE_EXCEEDED: .bodyTooLarge
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING, CURLE_TOO_MANY_REDIRECTS:
      .protocolViolation
    // A reset before the end of the handshake counts as a failure to connect.
    case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR:
      switch progress {
      case .connecting: .connect
      case .exchanging: .noAnswer
      case .answering: .cut
      }
    // Only reading a body ends a transfer with this code.
    case CURLE_URL_MALFORMAT, CURLE_ABORTED_BY_CALLBACK: .unsuitableRequest
    case CURLE_OUT_OF_MEMORY: .noResources
    default: .other
    }
  }

  /// A description in our words if there is one: libcurl's use its own terms.
  private static func standardText(_ code: CURLcode) -> String {
    switch code {
    case CURLE_OPERATION_TIMEDOUT: "no complete answer came in time"
    case CURLE_PARTIAL_FILE: "the answer is shorter than its head says"
    case CURLE_GOT_NOTHING: "no byte of an answer came"
    case CURLE_SEND_ERROR: "the request couldn't be sent to its end"
    case CURLE_RECV_ERROR: "the answer couldn't be read to its end"
    case CURLE_WEIRD_SERVER_REPLY: "the answer isn't HTTP"
    case CURLE_UNSUPPORTED_PROTOCOL: "the answer is of another version of HTTP"
    case CURLE_BAD_CONTENT_ENCODING: "the answer's compression is damaged or unknown"
    case CURLE_COULDNT_CONNECT: "no connection could be made"
    case CURLE_OUT_OF_MEMORY: "out of memory"
    case CURLE_ABORTED_BY_CALLBACK: "the request's body couldn't be read to its end"
    default: libraryText(code)
    }
  }

  private static func libraryText(_ code: CURLcode) -> String {
    curl_easy_strerror(code).map { printable(String(cString: $0)) } ?? "libcurl error \(code.rawValue)"
  }

  /// OpenSSL's reason with its number, for example of `OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number`
  /// (ERR_error_string(3)).
  private static func plain(_ detail: String) -> String {
    let parts = detail.split(separator: ":", omittingEmptySubsequences: false)
    guard let mark = parts.lastIndex(where: { $0 == "error" || $0 == " error" }), parts.count == mark + 5,
      let number = parts.dropFirst(mark + 1).first, number.count == 8, let reason = parts.last, !reason.isEmpty
    else { return detail }
    return "\(reason) (OpenSSL error \(number))"
  }

  /// Without the blanks at the end that some of libcurl's texts have.
  private static func printable(_ text: String) -> String {
    var text = text[...]
    while text.last == " " { text.removeLast() }
    return String(
      text.unicodeScalars.prefix(200).map { $0.isASCII && $0.value >= 0x20 && $0.value != 0x7F ? Character($0) : "?" })
  }
}

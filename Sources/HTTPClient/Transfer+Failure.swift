import CCurl
import Core
import Glibc

/// Why a request failed, in words that say how far it came.
extension Transfer {
  func failure(_ code: CURLcode) -> TransportFailure {
    let detail = connectionText(code) ?? String(cString: detail)
    if usesProxy,
      let failure = TransportFailure(proxyCode: code, tunnel: tunnel, detail: detail, head: head)
    {
      return failure
    }
    var failure = TransportFailure(code, during: progress, detail: detail, tooLarge: isTooLarge, bodyLimit: bodyLimit)
    if code == CURLE_COULDNT_CONNECT {
      var number = 0
      must(ccurl_get_long(easy, CURLINFO_OS_ERRNO, &number))
      failure.systemError = CInt(truncatingIfNeeded: number)
    }
    return failure
  }

  /// Why there is no connection, or no answer in time, without libcurl's repetitive wording; nil for other failures.
  private func connectionText(_ code: CURLcode) -> String? {
    let tried = addresses.tried.isEmpty ? "" : " (\(addresses.tried.prefix(3).joined(separator: ", ")))"
    switch code {
    case CURLE_COULDNT_CONNECT:
      var number = 0
      must(ccurl_get_long(easy, CURLINFO_OS_ERRNO, &number))
      guard number > 0 else { return nil }
      return "no connection to \(peer)\(tried): \(String(cString: strerror(CInt(truncatingIfNeeded: number))))"
    case CURLE_SSL_CERTPROBLEM where identity != nil:
      return "OpenSSL doesn't take the client certificate or its key here; they may be too weak"
    case CURLE_OPERATION_TIMEDOUT:
      guard let times, progress == .connecting else { return nil }
      let tenths = (min(times.connect, times.whole) / .milliseconds(100)).rounded()
      let limit = tenths.truncatingRemainder(dividingBy: 10) == 0 ? "\(Int(tenths / 10))s" : "\(tenths / 10)s"
      return isConnected
        ? "\(server) didn't complete the TLS handshake within \(limit)"
        : "no connection to \(peer)\(tried) within \(limit)"
    default: return nil
    }
  }

  // Host and port of the connection's destination and of the server; through a proxy these are two.
  private var peer: Substring { (usesProxy ? proxy?.url ?? url : url).urlAuthority ?? "" }
  private var server: Substring { url.urlAuthority ?? "" }

  /// How far the connection through a proxy had come.
  private var tunnel: TransportFailure.Tunnel {
    if microseconds(CURLINFO_APPCONNECT_TIME_T) > 0 || microseconds(CURLINFO_PRETRANSFER_TIME_T) > 0 { return .open }
    var status = 0
    must(ccurl_get_long(easy, CURLINFO_HTTP_CONNECTCODE, &status))
    if (200...299).contains(status) { return .open }
    if status >= 300 { return .refused(status) }
    var port = 0
    must(ccurl_get_long(easy, CURLINFO_LOCAL_PORT, &port))
    return port > 0 ? .asked : .unreached
  }

  private var progress: TransportFailure.Progress {
    guard microseconds(CURLINFO_PRETRANSFER_TIME_T) > 0 else { return .connecting }
    // Zero until the first line of an answer; the status of a proxy's answer to CONNECT is stored elsewhere
    // (CURLINFO_RESPONSE_CODE(3)).
    var status = 0
    must(ccurl_get_long(easy, CURLINFO_RESPONSE_CODE, &status))
    return status > 0 ? .answering : .exchanging
  }

  private func microseconds(_ info: CURLINFO) -> Int {
    var value: curl_off_t = 0
    must(ccurl_get_large(easy, info, &value))
    return value
  }
}

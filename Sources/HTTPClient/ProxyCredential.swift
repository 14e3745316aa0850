import CCurl
import Secrets

/// The header that authenticates the user to a proxy (Basic, RFC 7617), as a list of libcurl's; wiped when released.
///
/// Not by CURLOPT_PROXYUSERNAME and CURLOPT_PROXYPASSWORD: libcurl decodes %41 in them (7.88), and keeps a copy for each connection.
final class ProxyCredential {
  let lines: UnsafeMutablePointer<curl_slist>

  /// `user` must not contain a colon; `password` may be any bytes.
  init(user: String, password: Secret) throws(HTTPClientError) {
    var pair = SecretBuffer(capacity: user.utf8.count + password.count + 1)
    pair.append(user)
    pair.append(":")
    pair.append(password)
    var line = SecretBuffer(capacity: 64 + pair.count * 2)
    line.append("Proxy-Authorization: Basic ")
    pair.withBytes { Self.encode($0, into: &line) }
    line.append(UInt8(0))
    let made = line.withBytes { bytes in
      bytes.withUnsafeBytes { curl_slist_append(nil, $0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    }
    guard let made else { throw .library("make a header for the proxy", text: "out of memory") }
    lines = made
  }

  deinit { ccurl_slist_wipe(lines) }

  /// Base64 with its padding (RFC 4648, section 4).
  private static func encode(_ bytes: Span<UInt8>, into line: inout SecretBuffer) {
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      let group = (0..<3).reduce(UInt32(0)) { $0 << 8 | ($1 < count ? UInt32(bytes[start + $1]) : 0) }
      for place in 0..<4 {
        line.append(place > count ? UInt8(ascii: "=") : digit(group >> UInt32(18 - 6 * place) & 63))
      }
    }
  }

  private static func digit(_ value: UInt32) -> UInt8 {
    switch UInt8(value) {
    case let value where value < 26: UInt8(ascii: "A") + value
    case let value where value < 52: UInt8(ascii: "a") + value - 26
    case let value where value < 62: UInt8(ascii: "0") + value - 52
    case 62: UInt8(ascii: "+")
    default: UInt8(ascii: "/")
    }
  }
}

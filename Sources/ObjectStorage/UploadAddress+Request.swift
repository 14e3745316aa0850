internal import CloudAPI
internal import Core
internal import Signing

extension UploadAddress {
  /// `BUCKET.HOST`; the bare host when that is an IP address, in front of which nothing can be put.
  var host: String { hasNumericHost ? endpoint : String(joining: bucket, ".", endpoint) }

  /// `/KEY`, percent-encoded; `/BUCKET/KEY` when the host is an IP address.
  var path: String {
    let key = OSSSignature.path(ofKey: key)
    return hasNumericHost ? String(joining: "/", bucket, "/", key) : String(joining: "/", key)
  }

  private var hasNumericHost: Bool {
    let name = endpoint.utf8.prefix { $0 != UInt8(ascii: ":") }
    return endpoint.hasPrefix("[") || name.allSatisfy { $0.isDigit || $0 == UInt8(ascii: ".") }
  }
}

extension String {
  /// The URL's authority, host and perhaps port: everything between `://` and path, query or fragment (RFC 3986, section 3.2). Nil
  /// if there is no `://` after the scheme.
  ///
  /// Works on bytes: each request's URL is split, and working on characters took a twentieth of a refresh.
  var urlAuthority: Substring? {
    let bytes = utf8
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8) else {
      return nil
    }
    let start = bytes.index(colon, offsetBy: 3)
    return self[start..<(bytes[start...].firstIndex(where: \.endsAuthority) ?? endIndex)]
  }
}

extension UInt8 {
  fileprivate var endsAuthority: Bool {
    self == UInt8(ascii: "/") || self == UInt8(ascii: "?") || self == UInt8(ascii: "#")
  }
}

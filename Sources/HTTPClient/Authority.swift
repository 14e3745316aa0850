extension String {
  /// What a URL says of whom to connect to, host and perhaps port: all between `://` and its path, query or fragment (RFC 3986,
  /// section 3.2). nil where there is no `://` behind the scheme.
  ///
  /// By bytes: each request's URL is taken apart, and by characters that took a twentieth of a refresh.
  var authority: Substring? {
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

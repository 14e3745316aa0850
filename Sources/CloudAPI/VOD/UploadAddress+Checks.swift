internal import Core

// Every part ends up in a URL and in the log, so none may contain characters with a special meaning there.
extension UploadAddress {
  /// 3 to 63 lower-case letters, digits and hyphens ("Bucket naming conventions" in the vendor's documentation of OSS).
  static func isBucket(_ text: String) -> Bool {
    let isFit = text.utf8.allSatisfy { $0.isLowercaseLetter || $0.isDigit || $0 == UInt8(ascii: "-") }
    return isFit && (3...63).contains(text.utf8.count) && !text.hasPrefix("-") && !text.hasSuffix("-")
  }

  /// A host name or an IP address, an IPv6 address in brackets, with or without a port.
  static func isHost(_ text: String) -> Bool {
    guard (1...260).contains(text.utf8.count) else { return false }
    if text.hasPrefix("[") {
      guard let end = text.utf8.firstIndex(of: UInt8(ascii: "]")) else { return false }
      let address = text.utf8[text.utf8.index(after: text.startIndex)..<end]
      return !address.isEmpty
        && address.allSatisfy { $0.isHexDigit || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }
        && isPort(text.utf8[text.utf8.index(after: end)...])
    }
    let name = text.utf8.prefix { $0 != UInt8(ascii: ":") }
    let labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return labels.allSatisfy { label in
      (1...63).contains(label.count) && label.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "-") }
        && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
    } && isPort(text.utf8[name.endIndex...])
  }

  /// Nothing, or a colon and a number from 1 to 65535.
  private static func isPort(_ text: Substring.UTF8View) -> Bool {
    guard text.first == UInt8(ascii: ":") else { return text.isEmpty }
    let digits = text.dropFirst()
    return digits.count <= 5 && UInt16(decimal: digits).map { $0 > 0 } ?? false
  }

  /// 1 to 1023 bytes that don't begin with a slash or backslash ("Object naming conventions"), without control characters, and not
  /// `.` or `..`, which clients would resolve. Steps like these between slashes are sent as they are, since a slash is sent as `%2F`.
  static func isKey(_ text: String) -> Bool {
    (1...1023).contains(text.utf8.count) && text.utf8.first != UInt8(ascii: "/")
      && text.utf8.first != UInt8(ascii: "\\") && text != "." && text != ".."
      && text.unicodeScalars.allSatisfy { !$0.isControl }
  }

  /// The part between `oss-` and `.aliyuncs.com`, without `-internal`, if it is a region. Nil for names without a region, such as
  /// that of transfer acceleration.
  static func region(ofEndpoint endpoint: String) -> String? {
    let host = endpoint.prefix { $0 != ":" }.lowercased()
    guard host.hasPrefix("oss-"), host.hasSuffix(".aliyuncs.com") else { return nil }
    var name = host.dropFirst("oss-".count).dropLast(".aliyuncs.com".count)
    if name.hasSuffix("-internal") { name = name.dropLast("-internal".count) }
    return name.hasPrefix("accelerate") || !isRegion(String(name)) ? nil : String(name)
  }

  /// As in `cn-shanghai`, `ap-southeast-1`: lower-case letters and digits in at least two parts, the first of which isn't `oss`.
  static func isRegion(_ text: String) -> Bool {
    let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return text.utf8.count <= 64 && parts.count >= 2 && !text.hasPrefix("oss-")
      && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0.isLowercaseLetter || $0.isDigit } }
  }
}

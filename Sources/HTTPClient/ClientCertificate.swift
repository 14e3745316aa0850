import CCurl
package import Core

/// The certificate by which a client identifies itself, as it lies in its file.
package struct ClientCertificate: Hashable, Sendable {
  /// As in RFC 2253, such as `CN=web7.example,O=Example`; printable ASCII, at most 255 characters.
  package let subject: String
  /// The end of its validity.
  package let notAfter: UTCTime

  /// Nil if the file can't be read, or holds no certificate in PEM form.
  package init?(file: String) {
    var end: Int64 = 0
    let subject = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer -> String? in
      guard ccurl_certificate_read(file, buffer.baseAddress, buffer.count, &end) == 1 else { return nil }
      return String(cString: buffer.baseAddress!)
    }
    guard let subject else { return nil }
    // Not ASCII is escaped in that form already.
    self.subject = String(decoding: subject.utf8.lazy.filter { (0x20...0x7E).contains($0) }, as: UTF8.self)
    notAfter = UTCTime(seconds: end)
  }
}

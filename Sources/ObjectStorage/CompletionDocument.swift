/// The body of CompleteMultipartUpload.
enum CompletionDocument {
  static func of(_ parts: [UploadedPart]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(100 * parts.count + 64)
    text.append(contentsOf: "<CompleteMultipartUpload>".utf8)
    for part in parts {
      text.append(contentsOf: "<Part><PartNumber>\(part.number)</PartNumber><ETag>\"".utf8)
      for byte in part.etag.utf8 {
        switch byte {
        case UInt8(ascii: "<"): text.append(contentsOf: "&lt;".utf8)
        case UInt8(ascii: ">"): text.append(contentsOf: "&gt;".utf8)
        case UInt8(ascii: "&"): text.append(contentsOf: "&amp;".utf8)
        default: text.append(byte)
        }
      }
      text.append(contentsOf: "\"</ETag></Part>".utf8)
    }
    text.append(contentsOf: "</CompleteMultipartUpload>".utf8)
    return text
  }
}

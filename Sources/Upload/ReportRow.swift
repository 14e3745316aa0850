import JSON

/// A file's row in the report. Members are nil if they aren't known.
package struct ReportRow: Equatable, Sendable {
  package var path: String
  /// In bytes.
  package var size: Int64?
  package var result: UploadResult
  package var videoID: String?
  package var requestID: String?
  package var referenceID: String?
  /// Bucket and key: `oss://BUCKET/KEY`.
  package var address: String?
  /// The time that this run took for the file; nil if it had nothing to do.
  package var seconds: Double?

  package init(
    path: String, size: Int64? = nil, result: UploadResult, videoID: String? = nil, requestID: String? = nil,
    referenceID: String? = nil, address: String? = nil, seconds: Double? = nil
  ) {
    self.path = path
    self.size = size
    self.result = result
    self.videoID = videoID
    self.requestID = requestID
    self.referenceID = referenceID
    self.address = address
    self.seconds = seconds
  }

  /// The columns of CSV and the members of JSON.
  static let columns = [
    "path", "size", "status", "video_id", "request_id", "reference_id", "object_address", "seconds", "error", "fix",
  ]

  private var reason: String? {
    if case .skipped(let reason) = result { return reason.text }
    return result.reportedTrouble?.error
  }

  static var csvHeader: [UInt8] { Array((columns.joined(separator: ",") + "\r\n").utf8) }

  var csv: [UInt8] {
    let fields: [String?] = [
      path, size.map { "\($0)" }, result.status, videoID, requestID, referenceID, address, seconds.map(Self.text),
      reason, result.reportedTrouble?.fix,
    ]
    return Array((fields.map { DelimitedText.csvField($0 ?? "") }.joined(separator: ",") + "\r\n").utf8)
  }

  func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("path", path)
      if let size { json.member("size", size) }
      json.member("status", result.status)
      for (name, value) in [
        ("video_id", videoID), ("request_id", requestID), ("reference_id", referenceID), ("object_address", address),
      ] {
        if let value { json.member(name, value) }
      }
      if let seconds {
        json.key("seconds")
        json.double((seconds * 1000).rounded() / 1000)
      }
      if let reason { json.member("error", reason) }
      if let fix = result.reportedTrouble?.fix { json.member("fix", fix) }
    }
  }

  private static func text(_ seconds: Double) -> String { "\((seconds * 1000).rounded() / 1000)" }
}

extension VideoRecord {
  /// As reports and events show it.
  package var address: String { "oss://\(bucket)/\(key)" }
}

internal import Core
internal import JSON

extension MezzanineInfo {
  /// Whether VOD has the file: `Normal`; or, by the names of other calls' states, `Uploaded` or a state that only an uploaded file
  /// reaches.
  package var isFinished: Bool {
    ["Normal", "Uploaded", "UploadSucc", "Transcoding", "TranscodeFail", "Checking", "Blocked"].contains(status)
  }

  /// Whether there is no finished file that another upload could overwrite. An upload that VOD has given up doesn't finish by
  /// itself any more.
  package var waitsForFile: Bool { status == "Uploading" || status == "UploadFail" }

  package var isDeleted: Bool { status == "Deleted" }

  /// Whether another call can't bring a different answer.
  package var isFinal: Bool { status == "UploadFail" || isDeleted }

  init(_ root: borrowing JSONValue) throws(AnswerFault) {
    guard let object = root["Mezzanine"] else { throw .missing("Mezzanine") }
    guard object.kind == .object else { throw .malformed("Mezzanine") }
    let status = try object.text("Status", path: "Mezzanine").printable(most: 64)
    self.init(
      requestID: root.requestID, videoID: object["VideoId"]?.string()?.printable(most: 64), status: status,
      fileSize: Self.size("Size", in: object) ?? Self.size("FileSize", in: object))
  }

  /// As a number or a string.
  private static func size(_ name: String, in object: borrowing JSONValue) -> Int64? {
    guard let value = object[name], let size = value.int ?? value.string().flatMap({ Int64(decimal: $0) }), size >= 0
    else {
      return nil
    }
    return size
  }
}

/// The kinds of file that VOD accepts, by their extensions ("Overview of media upload" in the vendor's documentation, 13 June
/// 2025).
package enum VideoFormat {
  /// In lower case, without the dot.
  package static let extensions: Set<String> = Set(video).union(audio)

  private static let video = [
    "3gp", "asf", "avi", "dat", "dv", "f4v", "flv", "gif", "m2t", "m3u8", "m4v", "mj2", "mjpeg", "mkv", "mov", "mp4",
    "mpe",
    "mpeg", "mpg", "mts", "ogg", "qt", "rm", "rmvb", "swf", "ts", "vob", "webm", "wmv",
  ]
  private static let audio = ["aac", "ac3", "acm", "amr", "ape", "caf", "flac", "m4a", "mp3", "ra", "wav", "wma"]

  /// Whether VOD accepts a file of that name or path; case doesn't matter.
  package static func isTaken(fileName: String) -> Bool {
    pathExtension(of: fileName).map { extensions.contains($0.lowercased()) } ?? false
  }

  /// The part after the last dot of a path's last component; nil if there is none, or if the name begins with its only dot.
  package static func pathExtension(of path: String) -> String? {
    let name = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last ?? path.utf8[...]
    guard let dot = name.lastIndex(of: UInt8(ascii: ".")), dot != name.startIndex else { return nil }
    let text = String(decoding: name[name.index(after: dot)...], as: UTF8.self)
    return text.isEmpty ? nil : text
  }
}

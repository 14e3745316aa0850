/// The extension of a file that VOD accepts as video or audio (the vendor's "Overview of media upload", formats), in lower case.
struct MediaExtension: Sendable {
  private static let known: Set<String> = [
    // Video.
    "mp4", "ts", "3gp", "mpg", "mpeg", "mpe", "dat", "vob", "asf", "avi", "wmv", "flv", "f4v", "rm", "rmvb", "mov",
    "mkv", "m3u8", "dv", "gif", "m2t", "m4v", "mj2", "mjpeg", "mts", "ogg", "qt", "swf", "webm",
    // Audio.
    "mp3", "wma", "wav", "aac", "ra", "m4a", "flac", "ape", "ac3", "amr", "caf", "acm",
  ]

  let text: String

  /// Nil if VOD doesn't accept files with that name. `D:\video.MP4` is a name, too.
  init?(of fileName: String) {
    guard let dot = fileName.utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
    let text = fileName[fileName.utf8.index(after: dot)...].lowercased()
    guard Self.known.contains(text) else { return nil }
    self.text = text
  }
}

import Core

/// Paths in one normal form, so that equal files have equal paths.
///
/// Works on bytes, as the kernel does: to Swift, a slash with a combining character after it is one character and no slash.
enum PathText {
  private static let slash = UInt8(ascii: "/")

  /// PATH_MAX (4096, limits.h) without the final zero.
  static let maxLength = 4095

  /// An absolute path without `.` components, doubled slashes and a slash at the end. Nil for a path that is relative,
  /// too long, or has control characters or a `..` component, whose meaning would depend on links.
  static func normal(_ path: String) -> String? {
    guard isAbsolute(path), isPlain(path) else { return nil }
    let parts = path.utf8.split(separator: slash).filter { !$0.elementsEqual(".".utf8) }
    guard !parts.contains(where: { $0.elementsEqual("..".utf8) }) else { return nil }
    return String(decoding: [slash] + parts.joined(separator: [slash]), as: UTF8.self)
  }

  /// `path` relative to the absolute `directory`; nil as with `normal`.
  static func normal(_ path: String, in directory: String) -> String? {
    normal(isAbsolute(path) ? path : "\(directory)/\(path)")
  }

  static func isAbsolute(_ path: String) -> Bool { path.utf8.first == slash }

  /// Whether it is a name of one file in its directory, short enough for the longer name of its temporary file.
  static func isFileName(_ name: String) -> Bool {
    (1...FileName.maxLength).contains(name.utf8.count) && name != "." && name != ".."
      && !name.utf8.contains(slash)
      && isPlain(name)
  }

  static func name(of path: String) -> String {
    let bytes = path.utf8
    return bytes.lastIndex(of: slash).map { String(decoding: bytes[bytes.index(after: $0)...], as: UTF8.self) } ?? path
  }

  static func directory(of path: String) -> String {
    let bytes = path.utf8
    guard let place = bytes.lastIndex(of: slash), place != bytes.startIndex else { return "/" }
    return String(decoding: bytes[..<place], as: UTF8.self)
  }

  private static func isPlain(_ path: String) -> Bool {
    path.utf8.count <= maxLength && !path.utf8.contains(where: \.isControl)
  }
}

import Core

/// Paths in one normal form, so that equal files have equal paths.
enum PathText {
  /// PATH_MAX (4096, limits.h) without the final zero.
  static let maxLength = 4095

  /// An absolute path without `.` components, doubled slashes and a slash at the end. Nil for a path that is relative,
  /// too long, or has control characters or a `..` component, whose meaning would depend on links.
  static func normal(_ path: String) -> String? {
    guard path.hasPrefix("/"), isPlain(path) else { return nil }
    let parts = path.split(separator: "/").filter { $0 != "." }
    guard !parts.contains("..") else { return nil }
    return "/" + parts.joined(separator: "/")
  }

  /// `path` relative to the absolute `directory`; nil as with `normal`.
  static func normal(_ path: String, in directory: String) -> String? {
    normal(path.hasPrefix("/") ? path : "\(directory)/\(path)")
  }

  /// Whether it is a name of one file in its directory, short enough for the longer name of its temporary file.
  static func isFileName(_ name: String) -> Bool {
    (1...FileName.maxLength).contains(name.utf8.count) && name != "." && name != ".." && !name.contains("/")
      && isPlain(name)
  }

  static func name(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  private static func isPlain(_ path: String) -> Bool {
    path.utf8.count <= maxLength && !path.utf8.contains(where: \.isControl)
  }
}

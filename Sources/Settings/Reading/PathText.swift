import Core

/// Paths as texts of the settings, put in one form so that equal files have equal paths.
enum PathText {
  /// PATH_MAX (4096, limits.h) with its zero.
  static let maxLength = 4095

  /// An absolute path without `.`, doubled slashes and one at its end; nil for a relative path, for one with `..`, which would
  /// depend on links, with control characters, or too long.
  static func normal(_ path: String) -> String? {
    guard path.hasPrefix("/"), isPlain(path) else { return nil }
    let parts = path.split(separator: "/").filter { $0 != "." }
    guard !parts.contains("..") else { return nil }
    return "/" + parts.joined(separator: "/")
  }

  /// `path` seen from `directory`, which is absolute; nil as with `normal`.
  static func normal(_ path: String, in directory: String) -> String? {
    normal(path.hasPrefix("/") ? path : "\(directory)/\(path)")
  }

  /// A name that is one file in its directory, with room left for the name of the file in the making.
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

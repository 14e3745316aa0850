/// Paths with links resolved, so that one file has one path.
final class RealPlaces {
  private let host: any Host
  private var known: [String: String] = [:]

  init(host: any Host) { self.host = host }

  /// The target of `path`. If part of it doesn't exist or can't be followed, links are resolved up to there.
  func directory(_ path: String) -> String {
    if path == "/" { return path }
    if let known = known[path] { return known }
    // A path that doesn't exist yet has a directory that does.
    let real = (try? host.realPath(of: path)) ?? file(path)
    known[path] = real
    return real
  }

  /// The path of a file that is replaced, not followed: its own name in the resolved directory.
  func file(_ path: String) -> String {
    let directory = directory(PathText.directory(of: path))
    return "\(directory == "/" ? "" : directory)/\(PathText.name(of: path))"
  }
}

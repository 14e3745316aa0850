/// Paths without links on the way, so that one file has one path.
final class RealPlaces {
  private let host: any Host
  private var known: [String: String] = [:]

  init(host: any Host) { self.host = host }

  /// Where `path` leads to; of one that isn't there, or can't be followed, as far as it is.
  func directory(_ path: String) -> String {
    if path == "/" { return path }
    if let known = known[path] { return known }
    // What isn't there yet has a directory that is.
    let real = (try? host.realPath(of: path)) ?? file(path)
    known[path] = real
    return real
  }

  /// The same of a file that is replaced and not followed: with its own name in the directory it lies in.
  func file(_ path: String) -> String {
    let directory = directory(PathText.directory(of: path))
    return "\(directory == "/" ? "" : directory)/\(PathText.name(of: path))"
  }
}

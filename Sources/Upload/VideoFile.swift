/// A file to be uploaded, as it was when it was found.
package struct VideoFile: Equatable, Sendable {
  /// The path as it was given: an argument, or below an argument's directory.
  package var path: String
  /// The absolute path with links in its directories resolved; the last name may be a link that was named on the
  /// command line.
  package var resolvedPath: String
  package var identity: FileIdentity
  /// Whether it was named on the command line, where it may be a link. Of a file from the journal that isn't known.
  package var wasNamed = false

  package init(path: String, resolvedPath: String, identity: FileIdentity, wasNamed: Bool = false) {
    self.path = path
    self.resolvedPath = resolvedPath
    self.identity = identity
    self.wasNamed = wasNamed
  }

  // Strings compare equal if they look alike (Unicode's canonical equivalence), but paths differ.
  package static func == (left: VideoFile, right: VideoFile) -> Bool {
    left.path.utf8.elementsEqual(right.path.utf8) && left.resolvedPath.utf8.elementsEqual(right.resolvedPath.utf8)
      && left.identity == right.identity
  }

  /// The last name of the path.
  package var name: String { FileName.last(of: path) }

  /// The name without its extension: the default title of the video.
  package var title: String { FileName.split(name).stem }
}

/// Names as paths have them.
package enum FileName {
  package static func last(of path: String) -> String {
    path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.utf8.index(after: $0)...]) } ?? path
  }

  /// The parts before and after the last dot: `clip.mp4` gives `clip` and `mp4`. `clip`, `.clip` and `clip.` have no
  /// extension and are all stem.
  package static func split(_ name: String) -> (stem: String, suffix: String?) {
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot != name.startIndex else { return (name, nil) }
    let suffix = name[name.utf8.index(after: dot)...]
    return suffix.isEmpty ? (name, nil) : (String(name[..<dot]), String(suffix))
  }
}

/// A file to be uploaded, as it was when it was found.
package struct VideoFile: Equatable, Sendable {
  /// As it was given: an argument, or below an argument's directory.
  package var path: String
  /// Absolute, without links in the directories; the last name may be a link that was named on the command line.
  package var resolvedPath: String
  package var identity: FileIdentity

  package init(path: String, resolvedPath: String, identity: FileIdentity) {
    self.path = path
    self.resolvedPath = resolvedPath
    self.identity = identity
  }

  // Strings are equal when they look alike (Unicode's canonical equivalence); paths aren't.
  package static func == (left: VideoFile, right: VideoFile) -> Bool {
    left.path.utf8.elementsEqual(right.path.utf8) && left.resolvedPath.utf8.elementsEqual(right.resolvedPath.utf8)
      && left.identity == right.identity
  }

  /// The last name of the path.
  package var name: String { FileName.last(of: path) }

  /// The name without its extension: a video's title where nothing else is said.
  package var title: String { FileName.split(name).stem }
}

/// Names as paths have them.
package enum FileName {
  package static func last(of path: String) -> String {
    path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.utf8.index(after: $0)...]) } ?? path
  }

  /// What is before and behind the last dot: `clip.mp4` is `clip` and `mp4`. No extension: `clip`, `.clip` and `clip.`, which are all stem.
  package static func split(_ name: String) -> (stem: String, suffix: String?) {
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot != name.startIndex else { return (name, nil) }
    let suffix = name[name.utf8.index(after: dot)...]
    return suffix.isEmpty ? (name, nil) : (String(name[..<dot]), String(suffix))
  }
}

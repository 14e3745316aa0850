package import Core

/// A file with one of a role's documents: its place, owner and mode.
package struct OutputFile: Hashable, Sendable {
  package let place: OutputPlace
  /// The owner as numeric user and group.
  package let uid: UInt32
  package let gid: UInt32
  /// Permission bits, 0 to 0777.
  package let mode: UInt32

  package init(_ place: OutputPlace, uid: UInt32, gid: UInt32, mode: UInt32) {
    self.place = place
    self.uid = uid
    self.gid = gid
    self.mode = mode & 0o777
  }
}

package enum OutputPlace: Hashable, Sendable {
  /// A name in the role's directory; all of these change together.
  case inRoleDirectory(OutputName)
  /// A single file anywhere else.
  case elsewhere(OutputPath)
}

/// An absolute path of a file, without empty, `.` and `..` steps; its last step is at most 200 bytes.
package struct OutputPath: Hashable, Sendable, CustomStringConvertible {
  package let directory: String
  package let name: String

  package init?(_ text: String) {
    guard let steps = DirectoryPath(text)?.steps, let name = steps.last, name.utf8.count <= FileName.maxLength else {
      return nil
    }
    self.name = name
    directory = "/" + steps.dropLast().joined(separator: "/")
  }

  package var description: String { directory == "/" ? "/\(name)" : "\(directory)/\(name)" }
}

/// An absolute path, below `/`, that is unambiguous: no empty, `.` or `..` steps. A step is what the kernel takes for one: bytes
/// without a slash.
struct DirectoryPath {
  let steps: [String]

  init?(_ text: String) {
    let slash = UInt8(ascii: "/")
    guard text.utf8.first == slash, !text.utf8.contains(0) else { return nil }
    steps = text.utf8.dropFirst().split(separator: slash, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
    if steps.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) { return nil }
  }
}

import Core
import Glibc

/// Something that was found at the paths in the arguments.
package struct InputEntry: Equatable, Sendable {
  package enum Content: Equatable, Sendable {
    case file(VideoFile)
    /// Another name of a file that was found before, at the path `of`.
    case duplicate(VideoFile, of: String)
    case skipped(SkipReason)
    case failed(InputProblem)
  }

  /// As it was given. Bytes that aren't UTF-8 are replaced (U+FFFD).
  package let path: String
  package let content: Content

  package init(path: String, content: Content) {
    self.path = path
    self.content = content
  }

  /// Why it isn't uploaded; nil of a file that is to be, and of an error.
  package var skipReason: SkipReason? {
    switch content {
    case .duplicate(_, let other): .duplicate(of: other)
    case .skipped(let reason): reason
    case .file, .failed: nil
    }
  }
}

/// Why something isn't uploaded and that is no error.
package enum SkipReason: Hashable, Sendable {
  case hidden, sidecar, journal, report, titles, foreignExtension, notRegular, link
  /// It is the file at that path, under another name or by another way.
  case duplicate(of: String)
  case sameDirectory(as: String)
  /// Of a file in a watched directory that this run knows already, under the same path.
  case takenUp
  /// Of a file in a watched directory, before its turn.
  case changed, gone
  /// A sidecar in a watched directory has appeared after its video was started.
  case lateSidecar

  package var text: String {
    switch self {
    case .hidden: "hidden"
    case .sidecar: "a sidecar"
    case .journal: "the journal"
    case .report: "the report"
    case .titles: "the list of titles"
    case .foreignExtension: "ApsaraVideo VOD doesn't take files with this extension"
    case .notRegular: "not a regular file"
    case .link: "a symbolic link, which is only followed when it is named"
    case .duplicate(let path): "the same file as '\(path)'"
    case .sameDirectory(let path): "the same directory as '\(path)'"
    case .takenUp: "this run has taken it up already"
    case .changed: "it changed before its turn, and is taken up again once it has come to rest"
    case .lateSidecar: "a sidecar that came after its video was taken up, so it isn't used"
    case .gone: "it was moved or removed before its turn"
    }
  }
}

/// Why a path can't be examined.
package enum InputProblem: Error, Hashable, Sendable, CustomStringConvertible {
  /// An errno.
  case system(CInt)
  case notUTF8
  case tooDeep
  // Of what was named itself; the same is skipped where it is found in a directory.
  case foreignExtension, notRegular
  /// The same of a watched directory.
  case watched(CInt)
  /// The same of something in one.
  case inWatched(CInt)

  package var description: String {
    switch self {
    case .system(let number), .inWatched(let number): String(cString: strerror(number))
    case .watched(let number): "the watched directory can't be read: \(String(cString: strerror(number)))"
    case .notUTF8: "its name is not UTF-8"
    case .foreignExtension: SkipReason.foreignExtension.text
    case .notRegular: SkipReason.notRegular.text
    case .tooDeep: "nested deeper than \(InputScan.maxDepth) directories"
    }
  }

  /// What a person can do.
  package var fix: String {
    switch self {
    case .system(EACCES), .system(EPERM): "let this user read it, and run again"
    case .system(ENOENT), .system(ENOTDIR): "check the name"
    case .system(ELOOP): "check the links on the way to it"
    case .system(EIO), .system(ESTALE): "check the disk or the network file system that it is on, and run again"
    case .system(ENAMETOOLONG): "name it by a shorter path, or move it to where its path is shorter"
    case .system(let number): OpenFileLimit.fix(number) ?? "look into that, and run again"
    case .watched(EMFILE):
      "raise the limit of open files (ulimit -n); its files are taken up once there is room, by this run or the next"
    case .watched(ENFILE):
      "raise the host's limit of open files (sysctl fs.file-max); its files are taken up then, by this run or the next"
    case .watched(ENAMETOOLONG): "move it to where its path is shorter; its files are taken up by the next run"
    case .watched(EACCES): "let this user read it; its files are taken up then, by this run or the next"
    case .watched: "put it back or mount it; its files are taken up then, by this run or the next"
    case .inWatched(EACCES), .inWatched(EPERM): "let this user read it; it is taken up then, by this run or the next"
    case .inWatched(let number):
      "\(OpenFileLimit.fix(number) ?? "look into that"); it is taken up once it can be read, by this run or the next"
    case .notUTF8: "rename it"
    case .foreignExtension: "leave it out, or convert it; a wrong extension can be changed by renaming it"
    case .notRegular: "name regular files and directories only"
    case .tooDeep: "name a directory further down"
    }
  }
}

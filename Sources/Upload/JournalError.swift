import Core
import Glibc

/// Why a journal can't be used, or not any longer.
package enum JournalError: Error, Equatable, CustomStringConvertible {
  package enum Step: String, Sendable {
    case open
    case examine = "look at"
    case lock
    case read
    case write
    case cut = "shorten"
    case sync = "put on the disk"
    case thread = "start a thread that puts on the disk"
  }

  case system(Step, path: String, errno: CInt)
  case notAFile(path: String)
  case foreignOwner(path: String, uid: UInt32)
  /// `mode` is what `ls` shows as the last nine letters.
  case looseMode(path: String, mode: UInt32)
  /// `process` is the other's id, where it can be known.
  case locked(path: String, process: Int32?)
  /// Its first line isn't a journal's.
  case notAJournal(path: String)
  case newerVersion(path: String, version: Int64)
  /// `line` counts from 1.
  case damaged(path: String, line: Int)
  /// A whole line that tells something impossible.
  case impossible(path: String, line: Int, why: String)

  package var description: String {
    switch self {
    case .system(let step, let path, let number):
      "cannot \(step.rawValue) the journal '\(path)': \(String(cString: strerror(number)))"
    case .notAFile(let path): "the journal '\(path)' is not a regular file"
    case .foreignOwner(let path, let uid): "the journal '\(path)' belongs to uid \(uid)"
    case .looseMode(let path, let mode):
      "others may read or write the journal '\(path)' (mode 0\(String(mode, radix: 8)))"
    case .locked(let path, let process):
      "another vod-upload\(process.map { ", process \($0)," } ?? "") is using the journal '\(path)'"
    case .notAJournal(let path): "'\(path)' is not a journal of vod-upload"
    case .newerVersion(let path, let version): "the journal '\(path)' has format \(version), from a newer vod-upload"
    case .damaged(let path, let line): "the journal '\(path)' is damaged in line \(line)"
    case .impossible(let path, let line, let why): "the journal '\(path)', line \(line): \(why)"
    }
  }

  /// What a person can do; nil where that isn't known.
  package var fix: String? {
    switch self {
    case .system(_, _, ENOSPC), .system(_, _, EDQUOT): "make room, then start again: the journal is still good"
    case .system(.open, _, EACCES), .system(.open, _, EROFS), .system(.open, _, ENOENT):
      "name another place with --journal"
    case .system(.sync, _, EIO), .system(.write, _, EIO), .system(.read, _, EIO):
      "check the disk; what was written last may be lost, and the next run finds out"
    case .system(.lock, _, _): "name a journal on a local disk with --journal"
    case .system(.open, _, ELOOP), .notAFile: "move it away, or name another journal with --journal"
    case .system: nil
    case .foreignOwner: "run vod-upload as that user, or name another journal with --journal"
    case .looseMode(let path, _): "run: chmod 600 \(ShellWord.quoted(path))"
    case .locked: "wait until it has ended, or name another journal with --journal"
    case .notAJournal: "name another file with --journal; this one was left as it is"
    case .newerVersion: "use the vod-upload that wrote it"
    case .damaged, .impossible:
      "restore it from a copy; without it a new run uploads again what was finished: look at the videos in VOD first"
    }
  }
}

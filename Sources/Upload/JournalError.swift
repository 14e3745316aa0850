import Core
import Glibc

/// Why a journal can't be used, or no longer.
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
  /// `mode` has the permissions that `ls` shows in its last nine letters.
  case looseMode(path: String, mode: UInt32)
  /// `process` is the pid of the other process, if it can be determined.
  case locked(path: String, process: Int32?)
  /// Its first line isn't that of a journal.
  case notAJournal(path: String)
  case newerVersion(path: String, version: Int64)
  /// `line` counts from 1.
  case damaged(path: String, line: Int)
  /// It was moved or removed while in use, and can't be put back. Its content is in `savedAs`; nil if it couldn't be
  /// written anywhere.
  case displaced(path: String, savedAs: String?)
  /// Another program has written to it, or truncated it, while it was in use.
  case altered(path: String)
  /// A line with a correct checksum has impossible content.
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
    case .displaced(let path, nil):
      "the journal '\(path)' was moved or removed while in use, and can't be written again"
    case .displaced(let path, let saved?):
      "another file has taken the place of the journal '\(path)' while it was in use; all that it had is in '\(saved)'"
    case .altered(let path): "something else has changed the journal '\(path)' while it was in use"
    case .damaged(let path, let line): "the journal '\(path)' is damaged in line \(line)"
    case .impossible(let path, let line, let why): "the journal '\(path)', line \(line): \(why)"
    }
  }

  /// What a person can do; nil if that isn't known.
  package var fix: String? {
    switch self {
    case .system(_, _, ENOSPC), .system(_, _, EDQUOT):
      "make room there, and run again: what is in the journal is whole"
    case .system(.open, _, ENOENT), .system(.open, _, ENOTDIR):
      "make its directory, or name another place with --journal"
    case .system(.open, _, ENAMETOOLONG): "name a shorter path with --journal"
    case .system(_, _, let number) where OpenFileLimit.fix(number) != nil: OpenFileLimit.fix(number)
    case .system(.open, _, ELOOP): "name the journal itself with --journal; links aren't followed"
    case .notAFile: "name a file with --journal"
    case .system(.open, _, _): "name a place with --journal where this user may write"
    case .system(.sync, _, EIO), .system(.write, _, EIO), .system(.read, _, EIO):
      "check the disk, then run again: what was written last may be lost, and the next run finds that out"
    case .system(.lock, _, _): "name a journal on a local disk with --journal"
    case .system(.thread, _, _): "raise this host's limit of threads, and run again"
    case .system(.write, _, EFBIG): "raise the limit of a file's size (ulimit -f), and run again"
    case .system: "look into that, and run again with the same journal"
    case .foreignOwner:
      "run vod-upload as that user; for files that it doesn't have name another journal with --journal"
    case .looseMode(let path, _): "run: chmod 600 \(ShellWord.quoted(path))"
    case .locked: "wait until it has ended; for other files name another journal with --journal"
    case .notAJournal: "name another file with --journal; this one was left as it is"
    case .newerVersion: "use the vod-upload that wrote it"
    case .displaced(_, nil):
      "if it was moved, move it back, and run again; without it a new run uploads every file again"
    case .displaced(let path, _?): "move that to \(ShellWord.quoted(path)), and run again"
    case .damaged, .altered, .impossible:
      "put a copy in its place if there is one; else move it away, and upload only what VOD doesn't have: a new journal knows of no video"
    }
  }
}

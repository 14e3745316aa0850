import Glibc
import Upload

/// The exit statuses of the program, which its help and docs/vod-upload.md document.
enum ExitStatus {
  static let done: Int32 = 0
  static let failed: Int32 = 1
  static let wrongUsage: Int32 = 2
  static let noDaemon: Int32 = 3
  static let noCredential: Int32 = 4

  /// The shell's status for a process that was ended by that signal.
  static func of(signal: Int32) -> Int32 { 128 + signal }

  /// One status and what it means to whoever runs the program.
  struct Entry: Hashable {
    let status: String
    let meaning: String
  }

  static let entries = [
    Entry(
      status: "0",
      meaning:
        "every file that isn't skipped is uploaded, with or without a checked CRC64 (--allow-missing-crc), or VOD confirms that it has it"
    ),
    Entry(
      status: "1",
      meaning:
        "a file failed or isn't confirmed, or the journal, the report, --ca-file or stdout can't be used; the table or stderr says why"
    ),
    Entry(
      status: "2", meaning: "wrong usage, or --role is left out and there isn't one role to read; nothing was sent"),
    Entry(status: "3", meaning: "the daemon can't be reached within --wait"),
    Entry(
      status: "4",
      meaning: "the daemon has no credential within --wait, or there is no such role, or this user may not read it"),
    Entry(
      status: "129, 130, 143",
      meaning:
        "ended cleanly by SIGHUP, SIGINT or SIGTERM; with --watch, where a signal is the usual end, only if it left files undone"
    ),
  ]
}

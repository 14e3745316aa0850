import Glibc

/// What a person can do when a file can't be opened because too many are open.
enum OpenFileLimit {
  /// nil for another errno (open(2)).
  static func fix(_ number: CInt) -> String? {
    switch number {
    case EMFILE: "raise the limit of open files (ulimit -n), and run again"
    case ENFILE: "raise the host's limit of open files (sysctl fs.file-max), and run again"
    default: nil
    }
  }
}

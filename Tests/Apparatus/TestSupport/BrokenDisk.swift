import Glibc

/// A disk that a test can break (EIO), for the programs alone that are started with its environment.
package final class BrokenDisk {
  /// A call that fails or hangs, and the directory, without links in its path, whose files and itself it fails for.
  package struct Fault: Hashable, Sendable {
    package enum Call: String, Sendable {
      /// fsync(2) and fdatasync(2).
      case sync
      /// write(2) and sendfile(2).
      case write
      /// They don't return, as on a frozen file system or with a file server that is gone, until the disk is sound again.
      case hang
      /// read(2), likewise.
      case hangRead = "hang-read"
    }

    package let call: Call
    package let directory: String

    package init(_ call: Call, below directory: String) {
      self.call = call
      self.directory = directory
    }
  }

  private let directory: TemporaryDirectory

  /// It is sound until `become`.
  package init(in directory: TemporaryDirectory) { self.directory = directory }

  package var environment: [String: String] {
    ["LD_PRELOAD": Programs.faultShim, "FAULT_SHIM_DISK": directory.path("disk-faults")]
  }

  /// From now on these calls fail, and no others; none of them is a sound disk.
  package func become(_ faults: [Fault]) throws {
    let lines = faults.map { "\($0.call.rawValue) \($0.directory)\n" }.joined()
    try directory.write(lines, to: "disk-faults.new")
    rename(directory.path("disk-faults.new"), directory.path("disk-faults"))
  }
}

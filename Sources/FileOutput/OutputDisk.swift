import Core
import Secrets

/// Where outputs are written and found: the host's file systems, or a test's substitute.
protocol OutputDisk {
  /// The directory of a role's outputs in its initial state, before any order; `parent` is the parent of the roles' directories.
  func directory(
    of role: String, in parent: String, _ outputs: [(name: OutputName, file: OutputFile)]
  )
    -> any WritableTarget
  /// One output elsewhere, in its initial state.
  func file(_ path: OutputPath, _ output: OutputFile) -> any WritableTarget

  /// Copies the content for the writer. Within one output, equal versions mean equal content.
  func seal(_ content: Secret, version: UInt64) throws(FileOutputError) -> SealedContent

  /// See `RolesDirectory`.
  func removeFormerDirectories(
    in directory: String, keeping roles: Set<String>, endedBy end: (String) -> Int?
  )
    throws(FileOutputError) -> FormerDirectoryRemoval
  func snapshotNumber(of role: String, in directory: String) -> UInt64?
}

/// The file systems that this process sees.
struct HostDisk: OutputDisk {
  func directory(
    of role: String, in parent: String, _ outputs: [(name: OutputName, file: OutputFile)]
  )
    -> any WritableTarget
  { WriteTarget.directory(RoleDirectory(parent: parent, role: role, outputs)) }

  func file(_ path: OutputPath, _ output: OutputFile) -> any WritableTarget {
    WriteTarget.file(SingleFile(path, output))
  }

  func seal(_ content: Secret, version: UInt64) throws(FileOutputError) -> SealedContent {
    try SealedContent(content, version: version)
  }

  func removeFormerDirectories(
    in directory: String, keeping roles: Set<String>, endedBy end: (String) -> Int?
  )
    throws(FileOutputError) -> FormerDirectoryRemoval
  { try RolesDirectory.removeFormerDirectories(in: directory, keeping: roles, endedBy: end) }

  func snapshotNumber(of role: String, in directory: String) -> UInt64? {
    RolesDirectory.snapshotNumber(of: role, in: directory)
  }
}

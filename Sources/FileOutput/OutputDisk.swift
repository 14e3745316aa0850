import Core
import Secrets

/// Where outputs are written, and found: the host's file systems, or what a test has in their place.
protocol OutputDisk {
  /// The directory of a role's outputs in its initial state, before any order; `parent` holds the roles' directories.
  func directory(
    of role: String, in parent: String, _ outputs: [(name: OutputName, file: OutputFile)]
  )
    -> any WritableTarget
  /// One output elsewhere, in its initial state.
  func file(_ path: OutputPath, _ output: OutputFile) -> any WritableTarget

  /// Takes a copy of the content for whoever writes it. Content of the same version is the same, within one output.
  func seal(_ content: Secret, version: UInt64) throws(FileOutputError) -> SealedContent

  /// As `RolesDirectory` says.
  func removeAbandoned(
    in directory: String, keeping roles: Set<String>, endedBy end: (String) -> Int?
  )
    throws(FileOutputError) -> AbandonedRemoval
  func generation(of role: String, in directory: String) -> UInt64?
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

  func removeAbandoned(
    in directory: String, keeping roles: Set<String>, endedBy end: (String) -> Int?
  )
    throws(FileOutputError) -> AbandonedRemoval
  { try RolesDirectory.removeAbandoned(in: directory, keeping: roles, endedBy: end) }

  func generation(of role: String, in directory: String) -> UInt64? {
    RolesDirectory.generation(of: role, in: directory)
  }
}

/// A file outside the roles' directory that an earlier process wrote.
package enum FormerFile {
  /// Removes the file that was written at `path` for the owner `uid`, with its record, if it is still as the earlier process left
  /// it. False if there is no such file. Throws `notOurs` for any other file. Blocks on a disk.
  package static func remove(at path: OutputPath, uid: UInt32) throws(FileOutputError) -> Bool {
    // Group and mode don't matter for a removal.
    var file = SingleFile(path, OutputFile(.elsewhere(path), uid: uid, gid: 0, mode: 0))
    return try file.removeFormer(endedBy: nil)
  }
}

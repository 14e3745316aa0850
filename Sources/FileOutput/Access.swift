/// A file's access, as far as owner, group and mode determine it.
package struct Access: Hashable, Sendable, CustomStringConvertible {
  /// Permission bits, including set-id and sticky bits.
  package let mode: UInt32
  package let uid: UInt32
  package let gid: UInt32

  package init(mode: UInt32, uid: UInt32, gid: UInt32) {
    self.mode = mode
    self.uid = uid
    self.gid = gid
  }

  package var description: String { "mode \(modeText), owner \(uid):\(gid)" }

  var modeText: String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
  }
}

extension OutputFile {
  var access: Access { Access(mode: mode, uid: uid, gid: gid) }
}

extension FileStatus {
  var access: Access { Access(mode: permissions, uid: uid, gid: gid) }
}

import Glibc

/// POSIX ACLs of files, as setfacl(1) makes them (acl(5)).
package enum AccessControlList {
  /// Lets `uid` read what is at `path`, as far as its mode lets its group, or with `byDefault` what is made in that directory from now on.
  package static func lets(_ uid: UInt32, at path: String, byDefault: Bool = false) throws {
    try set(uid, 4, at: path, byDefault, mask: byDefault ? 7 : 0)
  }

  /// Lets `uid` do all in the directory at `path`.
  package static func letsWrite(_ uid: UInt32, at path: String) throws { try set(uid, 7, at: path, false, mask: 7) }

  /// `mask` is beside what the mode has for the group.
  private static func set(
    _ uid: UInt32, _ permissions: UInt16, at path: String, _ byDefault: Bool, mask: UInt16
  ) throws {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw Missing(what: path) }
    let mode = UInt16(status.st_mode & 0o777)
    // The kernel's form (linux/posix_acl_xattr.h): a version, then tag, permissions and id of each entry, in little-endian order.
    let any = UInt32.max
    let entries: [(tag: UInt16, permissions: UInt16, id: UInt32)] = [
      (0x01, mode >> 6, any), (0x02, permissions, uid), (0x04, mode >> 3 & 7, any), (0x10, mode >> 3 & 7 | mask, any),
      (0x20, mode & 7, any),
    ]
    var bytes: [UInt8] = [2, 0, 0, 0]
    for entry in entries {
      for word in [entry.tag, entry.permissions] { bytes += [UInt8(word & 0xFF), UInt8(word >> 8)] }
      bytes += [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: entry.id >> $0) }
    }
    typealias Set = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeRawPointer, Int, CInt) -> CInt
    let set = unsafeBitCast(try symbol("setxattr"), to: Set.self)
    guard bytes.withUnsafeBytes({ set(path, name(byDefault), $0.baseAddress!, $0.count, 0) }) == 0 else {
      throw Missing(what: "setxattr(\(path)): \(String(cString: strerror(errno)))")
    }
  }

  /// Whether what is at `path` itself has one.
  package static func isThere(at path: String, byDefault: Bool = false) -> Bool {
    typealias Get = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutableRawPointer?, Int) -> Int
    guard let symbol = try? symbol("lgetxattr") else { return false }
    return unsafeBitCast(symbol, to: Get.self)(path, name(byDefault), nil, 0) >= 0
  }

  private static func name(_ byDefault: Bool) -> String {
    byDefault ? "system.posix_acl_default" : "system.posix_acl_access"
  }

  /// Swift's Glibc module doesn't have these.
  private static func symbol(_ name: String) throws -> UnsafeMutableRawPointer {
    guard let symbol = dlsym(nil, name) else { throw Missing(what: name) }
    return symbol
  }

  private struct Missing: Error {
    let what: String
  }
}

import Glibc
import Settings

/// Users in local files: the host's own, and those that systemd creates for units with `DynamicUser=`.
struct LocalUsers {
  private static let largestFile = 4 << 20

  /// Lines of `name:password:uid:…` (passwd(5)).
  var passwdPath = "/etc/passwd"
  /// Links `direct:UID` whose target is the user's name (systemd's src/core/dynamic-user.c, `make_uid_symlinks`).
  var dynamicPath = "/run/systemd/dynamic-uid"

  func name(of uid: UInt32) -> String? { nameInFile(uid) ?? nameOfDynamic(uid) }

  private func nameInFile(_ uid: UInt32) -> String? {
    // A host may lack the file.
    guard let bytes = try? SystemHost().read(passwdPath, limit: Self.largestFile).bytes else { return nil }
    let digits = Array("\(uid)".utf8)
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 3, omittingEmptySubsequences: false)
      if fields.count > 3, fields[2].elementsEqual(digits), !fields[0].isEmpty {
        return String(decoding: fields[0], as: UTF8.self)
      }
    }
    return nil
  }

  private func nameOfDynamic(_ uid: UInt32) -> String? {
    var target = [UInt8](repeating: 0, count: 256)
    let count = target.withUnsafeMutableBytes {
      readlink("\(dynamicPath)/direct:\(uid)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    return count > 0 ? String(decoding: target.prefix(count), as: UTF8.self) : nil
  }
}

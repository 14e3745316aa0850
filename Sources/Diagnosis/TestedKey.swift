import CloudAPI
import Core
import Glibc
import Identities
import Secrets
package import Settings

/// An AccessKey that is tried before it is put in place, from a file or standard input.
package struct TestedKey {
  /// In place of a path: standard input.
  package static let standardInput = "-"

  package let key: SourceKey
  /// What reading it has shown.
  package let findings: [Finding]
  /// `AccessKey LTAI…hero`; without the id if the text before the secret doesn't look like one.
  package let subject: String

  package init(_ file: String) {
    let isInput = file == Self.standardInput
    let subject = isInput ? "standard input" : "file '\(file)'"
    do throws(AccessKeyUnusable) {
      let location = AccessKeySource.Location.file(isInput ? "/dev/stdin" : file)
      let key =
        try isInput
        ? AccessKeySource.parse(Self.readInput(), at: location)
        : AccessKeySource.read(location, mayOthersRead: true)
      self.key = .key(key, place: isInput ? "what you test" : "'\(file)'")
      self.subject = key.maskedID.map { "AccessKey \($0)" } ?? "AccessKey"
      findings = (isInput ? [] : [Self.protection(of: file, subject)]) + Self.doubts(of: key, subject)
    } catch {
      let next = Self.next(after: error, in: file)
      self.key = .missing(.failed, error.why, next: next)
      self.subject = subject
      findings = [Finding(.failed, subject, error.why, next: next)]
    }
  }

  /// What to do about a file that can't be tested. Nothing need be the daemon's user's: who tests it reads it.
  private static func next(after error: AccessKeyUnusable, in file: String) -> String {
    if error.isDenied { return "run this by sudo" }
    do throws(HostError) { if file != standardInput { _ = try SystemHost().status(of: file) } } catch .missing {
      return "correct the path, or put the AccessKey there, in a file with mode 0400"
    } catch {}
    return error.fix ?? "correct it"
  }

  private static func doubts(of key: AccessKey, _ subject: String) -> [Finding] {
    key.signOfCut.map {
      [Finding(.warning, subject, "has an AccessKey \($0), which is unusual", next: "see whether it was cut off")]
    } ?? []
  }

  private static func protection(of path: String, _ subject: String) -> Finding {
    guard let status = try? SystemHost().status(of: path) else {
      return Finding(.warning, subject, "has an AccessKey, and is gone", next: "look who removes it")
    }
    let owner = (try? SystemHost().user(uid: status.uid))?.name ?? "\(status.uid)"
    guard status.mode & 0o077 != 0 || status.accessList != nil else {
      return Finding(.ok, subject, "has an AccessKey, and nobody but its owner '\(owner)' may read it")
    }
    let mode = "0" + String(status.mode & 0o7777, radix: 8)
    return Finding(
      .warning, subject, "has an AccessKey, and others than its owner '\(owner)' may read it: its mode is \(mode)",
      next: "make a new AccessKey if others had access; keep its file with mode 0400")
  }

  /// Up to the longest that an AccessKey file may have, and a byte more.
  private static func readInput() -> Secret {
    Secret(unsafeUninitializedCapacity: AccessKeyFile.maxLength + 1) { buffer in
      var count = 0
      while count < buffer.count {
        let got = read(STDIN_FILENO, buffer.baseAddress! + count, buffer.count - count)
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { break }
        count += got
      }
      return count
    }
  }
}

/// Where a source's AccessKey belongs.
package struct KeyPlace {
  private let path: String
  /// Whether systemd copies it, as root, when the service starts.
  private let isPassed: Bool

  /// Nil where the settings and the unit name no file.
  package init?(of source: SourceSettings, unit: InstalledUnit?) {
    let location: SourceSettings.KeyLocation? = source.accessKey
    switch location {
    case nil: return nil
    case .file(let path): (self.path, isPassed) = (path, false)
    case .credential(let name, _):
      guard case .file(let path)? = unit?.credentials[name] else { return nil }
      (self.path, isPassed) = (path, true)
    }
  }

  package func isSame(as file: String) -> Bool {
    let host = SystemHost()
    guard let one = try? host.realPath(of: file), let other = try? host.realPath(of: path) else { return false }
    return one == other
  }

  /// The command for an administrator's shell. systemd passes the new key at the next start; a file is read by itself.
  package func command(for file: String, daemonsUser: String?) -> String {
    let owner = isPassed ? "root" : daemonsUser ?? "rolekeeper"
    func copy(to place: String) -> String {
      "sudo install -m 0400 -o \(ShellWord.quoted(owner)) \(ShellWord.quoted(file)) \(ShellWord.quoted(place))"
    }
    guard !isPassed else { return "\(copy(to: path)) && sudo systemctl restart rolekeeper" }
    // By a rename, so that the daemon doesn't see half a file.
    let new = "\(path).new"
    return "\(copy(to: new)) && sudo mv \(ShellWord.quoted(new)) \(ShellWord.quoted(path))"
  }
}

/// Checks that a file with a secret exists and can't be read by others; the code that uses the secret checks its
/// content. Of a public file, such as a certificate, it checks only that there is one.
struct SecretFileCheck {
  let table: TableReader
  /// The key that names the file.
  let key: TextKey
  /// What the file holds, as in "the AccessKey", and what to do if others have read it.
  let content: String
  let afterDisclosure: String
  /// Whether the daemon reads it as soon as it appears, so that its absence is no error.
  let mayComeLater: Bool
  /// Whether the daemon starts although it can't use the file, and looks at it again each minute. It doesn't use one that others may read, nor one
  /// that others may write to; only the latter keeps it from starting.
  var startsAnyway = false
  /// Whether everybody may read it. Then who may write to it isn't checked here.
  var isPublic = false

  static func proxyPassword(in table: TableReader) -> SecretFileCheck {
    SecretFileCheck(
      table: table, key: Schema.STS.proxyPasswordFile, content: "the proxy's password",
      afterDisclosure: "have the password changed", mayComeLater: false)
  }

  /// True if nothing is found to be wrong.
  func check(file path: String) -> Bool {
    let place = table.place(of: key)
    let isPassed = CredentialsDirectory.holds(path, own: table.context.host.credentialsDirectory)
    let status: FileStatus
    do throws(HostError) { status = try table.context.host.status(of: path) } catch {
      if isPassed, error == .missing {
        reportNotPassed(path)
        return false
      }
      let problem = "is '\(path)', which can't be seen: \(error)"
      let remedy =
        error == .denied ? SafeFix.reach(path, on: table.context.host) : "put \(content) there, or correct the path"
      // The daemon also starts without a file that it can't see, and waits for it.
      if mayComeLater, error == .missing {
        table.findings.warning(
          place, problem, "\(remedy); the daemon starts without it, and takes it up when it comes")
      } else if mayComeLater, table.context.check == nil {
        table.findings.warning(place, problem, remedy)
      } else if error == .missing {
        // The file may be about to be replaced; so may an empty one, which makes a start fail in the same way.
        table.findings.passing(place, problem, remedy)
      } else {
        table.findings.unreadable(place, problem, remedy, error)
      }
      return false
    }
    if !isPublic { table.context.trust.check(directory: PathText.directory(of: path)) }
    if status.kind != .file {
      table.findings.error(
        place, "is '\(path)', which isn't a regular file", "write the path of the file with \(content)")
      return false
    }
    if isPublic { return true }
    return isPassed ? checkPassed(status, of: path) : check(status, of: path) && checkReadable(status, of: path)
  }

  /// Of a systemd credential, which is there while the unit runs.
  private func reportNotPassed(_ path: String) {
    let (place, name) = (table.place(of: key), PathText.name(of: path))
    if let check = table.context.check, check.unit.map({ $0.credentials[name] != nil }) ?? true {
      table.findings.note(
        place, "is not checked: credentials exist inside the unit only",
        "to see them, start the unit: sudo systemctl start rolekeeper")
      return
    }
    table.findings.error(
      place, "is '\(path)', which systemd didn't pass",
      "put \(content) into \(SafeFix.home)/\(name), with mode 0400, and run: "
        + SafeFix.dropIn("LoadCredential=\(name):\(SafeFix.home)/\(name)"))
  }

  /// A file of systemd's, whose mode and owner can't be changed.
  private func checkPassed(_ status: FileStatus, of path: String) -> Bool {
    if CredentialsDirectory.isHidden(mode: status.mode, uid: status.uid, from: table.context.host.uid) { return true }
    table.findings.error(
      Place(file: path), "others than the daemon's user may read \(content): its mode is \(status.mode.octal)",
      CredentialsDirectory.fix(for: path))
    return false
  }

  /// Reports a file that only its owner may read, if the owner isn't the daemon's user. The daemon itself tries to read
  /// it instead.
  private func checkReadable(_ status: FileStatus, of path: String) -> Bool {
    let context = table.context
    guard context.check != nil, ![0, status.uid].contains(context.host.uid) else { return true }
    let owner = context.trust.daemonsUser
    report(
      table.place(of: key),
      "is '\(path)', which the daemon's user '\(owner)' can't read (mode \(status.mode.octal), owned by \(context.trust.name(ofUID: status.uid)))",
      SafeFix.change(path, by: ["chown \(SafeFix.quoted(owner))"], on: context.host), isWarning: startsAnyway)
    return false
  }

  private func report(_ place: Place, _ problem: String, _ remedy: String, isWarning: Bool) {
    if isWarning {
      table.findings.warning(place, problem, "\(remedy)\(Self.takenUp)")
    } else {
      table.findings.error(place, problem, remedy)
    }
  }

  /// What becomes of a file that keeps no start from succeeding.
  static let takenUp = "; the daemon starts without it, and takes it up once it can be used"

  /// Reports everything that is wrong with the file in one finding, with the commands that fix all of it.
  private func check(_ status: FileStatus, of path: String) -> Bool {
    let writers = table.context.trust.writers(status)
    let isReadable = status.mode & 0o077 != 0
    guard writers != nil || isReadable else { return true }
    let isForeign = ![0, table.context.host.uid].contains(status.uid)
    // If the file became root's, the daemon couldn't read it.
    let commands =
      (isForeign ? ["chown \(SafeFix.quoted(table.context.trust.daemonsUser))"] : [])
      + (isReadable ? ["chmod 0400"] : [])
    let readers =
      status.mode & 0o007 == 0
      ? table.context.trust.grant(of: 4, in: status, besides: [0, table.context.host.uid]) : nil
    let problem =
      writers.map { "\($0.who) may write to it (\($0.cause))" }
      ?? readers.map { "\($0.who) may read \(content) (\($0.cause))" }
      ?? "others than its owner may read \(content): its mode is \(status.mode.octal)"
    let fix = SafeFix.change(path, by: commands, on: table.context.host)
    report(
      Place(file: path), problem, isReadable ? "\(fix); \(afterDisclosure) if others had access" : fix,
      isWarning: startsAnyway && writers == nil)
    return false
  }
}

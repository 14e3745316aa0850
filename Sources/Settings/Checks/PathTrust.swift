/// Refuses files and directories that others than root and the daemon's user may write to: whoever writes the settings
/// decides what the daemon does with its AccessKey.
final class PathTrust {
  private let host: any Host
  private let findings: Findings
  private var checked: Set<String> = []

  init(host: any Host, findings: Findings) {
    self.host = host
    self.findings = findings
  }

  /// A file that was read, and the directory it lies in.
  func check(file path: String, _ status: FileStatus) {
    check(path, status)
    check(directory: PathText.directory(of: path))
  }

  /// A directory, when it can be seen.
  func check(directory path: String) {
    guard !checked.contains(path) else { return }
    do throws(HostError) { check(path, try host.status(of: path)) } catch {
      findings.error(
        Place(file: path), "its permissions can't be seen: \(error)",
        "let the daemon's user search the directories above it")
    }
  }

  /// The sentence that tells who may write, besides root, the daemon's user and `owner`; nil when nobody may.
  func writers(_ status: FileStatus, besides owner: UInt32? = nil) -> (problem: String, command: String)? {
    if ![0, host.uid, owner].contains(status.uid) {
      return ("it belongs to \(name(ofUID: status.uid)), who may write to it", "chown root")
    }
    guard status.mode & 0o022 != 0 else { return nil }
    let who = status.mode & 0o002 != 0 ? "everybody" : "the group \(name(ofGID: status.gid))"
    return ("\(who) may write to it: its mode is \(status.mode.octal)", "chmod go-w")
  }

  func name(ofUID uid: UInt32) -> String {
    // Without a name the number does.
    (try? host.user(uid: uid)).map { "user '\($0.name)'" } ?? "user \(uid)"
  }

  private func name(ofGID gid: UInt32) -> String {
    (try? host.group(gid: gid)).map { "'\($0.name)'" } ?? "\(gid)"
  }

  private func check(_ path: String, _ status: FileStatus) {
    guard checked.insert(path).inserted, let (problem, command) = writers(status) else { return }
    findings.error(Place(file: path), problem, "run: \(command) \(path)")
  }
}

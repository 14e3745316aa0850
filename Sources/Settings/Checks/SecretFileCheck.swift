/// Looks whether a file with a secret is there and hidden from others; its content is left to who uses it.
struct SecretFileCheck {
  let table: TableReader
  /// The key that names the file.
  let key: TextKey
  /// What is in it, as in "the AccessKey", and what to do when others have read it.
  let content: String
  let afterDisclosure: String
  /// Whether it is taken up when it comes, so that its absence is no error.
  let mayComeLater: Bool

  static func proxyPassword(in table: TableReader) -> SecretFileCheck {
    SecretFileCheck(
      table: table, key: Schema.STS.proxyPasswordFile, content: "the proxy's password",
      afterDisclosure: "have the password changed", mayComeLater: false)
  }

  func check(file path: String) {
    let place = table.place(of: key)
    let status: FileStatus
    do throws(HostError) { status = try table.context.host.status(of: path) } catch {
      let problem = "is '\(path)', which can't be seen: \(error)"
      let remedy =
        error == .denied
        ? "let the daemon's user search the directories above it" : "put \(content) there, or correct the path"
      if mayComeLater {
        table.findings.warning(place, problem, remedy)
      } else {
        table.findings.error(place, problem, remedy)
      }
      return
    }
    table.context.trust.check(directory: PathText.directory(of: path))
    if status.kind != .file {
      table.findings.error(
        place, "is '\(path)', which isn't a regular file", "write the path of the file with \(content)")
    } else if let (who, cause, command) = table.context.trust.writers(status) {
      // Root's it would be out of the daemon's reach.
      let owner = table.context.trust.daemonsUser
      let command = command == "chown root" ? "chown \(SafeFix.quoted(owner))" : command
      table.findings.error(Place(file: path), "\(who) may write to it (\(cause))", SafeFix.change(path, by: command))
    } else if status.mode & 0o077 != 0 {
      table.findings.error(
        Place(file: path), "others than its owner may read \(content): its mode is \(status.mode.octal)",
        "\(SafeFix.change(path, by: "chmod 0400")); \(afterDisclosure) if others had access")
    }
  }
}

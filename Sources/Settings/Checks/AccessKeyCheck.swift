/// Looks whether a source's AccessKey is there and hidden from others; its content is left to who signs with it.
struct AccessKeyCheck {
  let table: TableReader

  /// A key file may appear later, since it is watched, so a missing one is a warning.
  func check(file path: String) {
    let place = table.place(of: Schema.Source.file)
    let status: FileStatus
    do throws(HostError) { status = try table.context.host.status(of: path) } catch {
      table.findings.warning(
        place, "is '\(path)', which can't be seen: \(error)", "put the AccessKey there, or correct the path")
      return
    }
    table.context.trust.check(directory: PathText.directory(of: path))
    if status.kind != .file {
      table.findings.error(place, "is '\(path)', which isn't a regular file", "write the path of the AccessKey's file")
    } else if let (who, cause, command) = table.context.trust.writers(status) {
      table.findings.error(Place(file: path), "\(who) may write to it (\(cause))", "run: \(command) \(path)")
    } else if status.mode & 0o077 != 0 {
      table.findings.error(
        Place(file: path), "others than its owner may read the AccessKey: its mode is \(status.mode.octal)",
        "run: chmod \((status.mode & 0o700).octal) \(path), and make a new AccessKey if others had access")
    }
  }

  /// Where a credential lies; empty when nothing was passed to this process, nil when it should be there and isn't.
  func path(ofCredential name: String) -> String? {
    let place = table.place(of: Schema.Source.credential)
    guard PathText.isFileName(name) else {
      table.findings.error(place, "is '\(name)', which is no credential's name", Schema.Source.credential.remedy())
      return nil
    }
    guard let directory = table.context.host.credentialsDirectory else {
      table.findings.note(
        place, "is not checked: credentials exist inside the unit only",
        "to see them, start the unit: systemctl start rolekeeper")
      return ""
    }
    let path = "\(directory)/\(name)"
    do throws(HostError) { _ = try table.context.host.status(of: path) } catch {
      table.findings.error(
        place, "is '\(name)', which systemd didn't pass: \(error)",
        "write LoadCredential=\(name):/etc/rolekeeper/\(name) in the unit (systemctl edit rolekeeper)")
      return nil
    }
    return path
  }
}

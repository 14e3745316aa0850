/// Looks whether a source's AccessKey is there and hidden from others; its content is left to who signs with it.
struct AccessKeyCheck {
  let table: TableReader

  /// A key file may appear later, since it is watched, so a missing one is a warning.
  func check(file path: String) {
    SecretFileCheck(
      table: table, key: Schema.Source.file, content: "the AccessKey", afterDisclosure: "make a new AccessKey",
      mayComeLater: true
    ).check(file: path)
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

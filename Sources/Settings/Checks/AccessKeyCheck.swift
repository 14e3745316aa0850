/// Looks whether a source's AccessKey is there and hidden from others, and has it tried where that is asked for.
struct AccessKeyCheck {
  let table: TableReader

  /// A key file may appear later, since it is watched, so a missing one is a warning.
  func check(file path: String) {
    let check = SecretFileCheck(
      table: table, key: Schema.Source.file, content: "the AccessKey", afterDisclosure: "make a new AccessKey",
      mayComeLater: true)
    guard check.check(file: path) else { return }
    table.findings.add(table.context.check?.trials.keyFile(path), at: table.place(of: Schema.Source.file))
  }

  /// Where a credential lies; empty when nothing was passed to this process, nil when it should be there and isn't.
  func path(ofCredential name: String) -> String? {
    let place = table.place(of: Schema.Source.credential)
    guard PathText.isFileName(name) else {
      table.findings.error(place, "is '\(name)', which is no credential's name", Schema.Source.credential.remedy())
      return nil
    }
    guard let directory = table.context.host.credentialsDirectory else {
      if let check = table.context.check {
        return look(at: name, in: check) ? "" : nil
      }
      table.findings.note(
        place, "is not checked: credentials exist inside the unit only",
        "to see them, start the unit: systemctl start rolekeeper")
      return ""
    }
    let path = "\(directory)/\(name)"
    do throws(HostError) { _ = try table.context.host.status(of: path) } catch {
      if error == .missing {
        table.findings.error(place, "is '\(name)', which systemd didn't pass", Self.loadCredential(name))
      } else {
        table.findings.error(place, "is '\(name)', and what systemd passed can't be seen: \(error)", "restart the unit")
      }
      return nil
    }
    table.findings.add(table.context.check?.trials.credential(path), at: place)
    return path
  }

  /// Before the daemon is started: what the unit will pass. False when it couldn't start with that.
  private func look(at name: String, in check: CheckScope) -> Bool {
    let place = table.place(of: Schema.Source.credential)
    guard let unit = check.unit else {
      if let other = check.otherConfigPath {
        table.findings.note(
          place, "is not checked: the installed \(InstalledUnit.name) starts the daemon with '\(other)'",
          "for what that passes, check '\(other)'")
      } else {
        table.findings.note(
          place, "is not checked: no installed \(InstalledUnit.name) starts the daemon with these settings",
          "install the unit, or write file = \"PATH\" instead")
      }
      return true
    }
    switch unit.credentials[name] {
    case nil:
      table.findings.error(place, "is '\(name)', which \(unit.path) doesn't pass", Self.loadCredential(name))
      return false
    case .other:
      table.findings.note(
        place, "is not checked: the unit doesn't take it from a file that it names",
        "systemctl start rolekeeper shows whether it can be used")
    case .file(let path):
      guard let attempt = check.trials.passedKey else {
        table.findings.note(
          place, "is not checked: only root may read '\(path)', from which the unit takes it",
          "run: sudo rolekeeper check")
        return true
      }
      let finding = attempt(path)
      table.findings.add(finding, at: place)
      return finding?.severity != .error
    }
    return true
  }

  private static func loadCredential(_ name: String) -> String {
    "run: systemctl edit rolekeeper, with the lines [Service] and LoadCredential=\(name):\(SafeFix.home)/\(name)"
  }
}

import Core

/// Checks that a source's AccessKey exists and can't be read by others; on request, also that it can be used.
struct AccessKeyCheck {
  let table: TableReader

  /// The file is watched, so it may appear later: a missing one is a warning.
  func check(file path: String) {
    let check = SecretFileCheck(
      table: table, key: Schema.Source.file, content: "the AccessKey", afterDisclosure: "make a new AccessKey",
      mayComeLater: true)
    guard check.check(file: path) else { return }
    table.findings.add(table.context.check?.trials.keyFile(path), at: table.place(of: Schema.Source.file))
  }

  /// The path of a systemd credential; empty if none was passed to this process, nil if it should exist and doesn't.
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
        "to see them, start the unit: sudo systemctl start rolekeeper")
      return ""
    }
    let path = "\(directory)/\(name)"
    do throws(HostError) { _ = try table.context.host.status(of: path) } catch {
      if error == .missing {
        let passed = (try? table.context.host.names(in: directory)) ?? []
        table.findings.error(
          place, "is '\(name)', which systemd didn't pass", Self.remedy(for: name, passed: passed, by: "systemd"))
      } else {
        let problem = "is '\(name)', and what systemd passed can't be seen: \(error)"
        let remedy = "run: sudo systemctl restart rolekeeper"
        if case .passing = error {
          table.findings.passing(place, problem, remedy)
        } else {
          table.findings.error(place, problem, remedy)
        }
      }
      return nil
    }
    table.findings.add(table.context.check?.trials.credential(path), at: place)
    return path
  }

  /// Checks, before the daemon is started, what the unit will pass. False if the daemon couldn't start with it.
  private func look(at name: String, in check: CheckScope) -> Bool {
    let place = table.place(of: Schema.Source.credential)
    guard let unit = check.unit else {
      if let other = check.otherConfigPath {
        table.findings.note(
          place, "is not checked: the installed \(RolekeeperUnit.service) starts the daemon with '\(other)'",
          "for what that passes, check '\(other)'")
      } else {
        table.findings.note(
          place, "is not checked: no installed \(RolekeeperUnit.service) starts the daemon with these settings",
          "install the unit, or write file = \"PATH\" instead")
      }
      return true
    }
    switch unit.credentials[name] {
    case nil:
      table.findings.error(
        place, "is '\(name)', which \(unit.path) doesn't pass",
        Self.remedy(for: name, passed: Array(unit.credentials.keys), by: "the unit"))
      return false
    case .other:
      table.findings.note(
        place, "is not checked: the unit doesn't take it from a file that it names",
        "sudo systemctl start rolekeeper shows whether it can be used")
    case .file(let path):
      guard let attempt = check.trials.passedKey else {
        table.findings.note(
          place, "is not checked: only root may read '\(path)', from which the unit takes it",
          "run: sudo rolekeeper check")
        return true
      }
      let finding = attempt(path)
      table.findings.add(finding, at: place)
      guard finding?.severity != .error else { return false }
      lookForOthers(at: path, place)
    }
    return true
  }

  /// Warns of users whom the file's mode or owner lets read it. systemd copies it as root in any case, so the AccessKey
  /// can be used.
  private func lookForOthers(at path: String, _ place: Place) {
    let trust = table.context.trust
    // If the daemon's user can't look at the file, neither can others.
    guard let status = try? table.context.host.status(of: path), status.kind == .file else { return }
    let writers = trust.writers(status)
    let isReadable = status.mode & 0o077 != 0
    guard writers != nil || isReadable else { return }
    let commands = (writers?.commands.filter { $0 == "chown root" } ?? []) + (isReadable ? ["chmod 0400"] : [])
    let problem =
      writers.map { "\($0.who) may write to it (\($0.cause))" }
      ?? "others than its owner may read it: its mode is \(status.mode.octal)"
    let fix = SafeFix.change(path, by: commands, on: table.context.host)
    table.findings.warning(
      place, "names '\(path)' by the unit's LoadCredential=, and \(problem)",
      isReadable ? "\(fix); make a new AccessKey if others had access" : fix)
  }

  /// With `SetCredential=`, the service starts without the file, and the daemon reports what is missing.
  private static func remedy(for name: String, passed: [String], by whom: String) -> String {
    if let near = Spelling.nearest(to: name, among: passed.sorted()) {
      return "did you mean \"\(near)\", which \(whom) passes?"
    }
    // Characters that systemd would interpret as more than part of a name.
    guard ShellWord.isPlain(name), !name.contains(":") else {
      return "choose a name of letters, digits, '-' and '_', and write the same in the unit's LoadCredential="
    }
    return
      "put the AccessKey into \(SafeFix.home)/\(name), with mode 0400, and run: "
      + SafeFix.dropIn(
        "LoadCredential=\(name):\(SafeFix.home)/\(name)", "SetCredential=\(name):\(InstalledUnit.missingCredential)")
  }
}

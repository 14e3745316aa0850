package import Core
package import Settings

/// An output outside the roles' directory, as recorded in the state file: it may contain a credential of ours, whatever later
/// settings say.
///
///     file uploader 1007 /etc/rolekeeper/rolekeeper.toml /srv/app/credentials.json
///     planned reports 1008 /etc/rolekeeper/rolekeeper.toml /home/reports/credentials.json
///
/// It is `planned` until something has been written there, which is recorded a moment later; so the next process checks the path,
/// but reports nothing that it can't see. In paths blanks, control characters and `%` are percent-encoded.
package struct RecordedOutput: Hashable, Sendable {
  package let role: RoleName
  /// The file's owner.
  package let uid: UInt32
  /// The settings file that names it; nil if an accepted reload removed it and its removal hasn't succeeded yet.
  let settingsFile: String?
  package let path: OutputPath
  /// Whether it contained a credential, as far as was known.
  package let isWritten: Bool

  private static let written = "file"
  private static let planned = "planned"
  private static let noFile = "-"

  init(role: RoleName, uid: UInt32, settingsFile: String?, path: OutputPath, isWritten: Bool = true) {
    self.role = role
    self.uid = uid
    self.settingsFile = settingsFile
    self.path = path
    self.isWritten = isWritten
  }

  /// Nil for a line of another kind.
  package init?(line words: [Substring]) {
    guard words.count == 5, words[0] == Self.written || words[0] == Self.planned, let role = RoleName(words[1]),
      let uid = UInt32(words[2]), let file = StateFileText.decoded(words[3]),
      let path = StateFileText.decoded(words[4]).flatMap({ OutputPath($0) })
    else { return nil }
    self.init(
      role: role, uid: uid, settingsFile: file == Self.noFile ? nil : file, path: path,
      isWritten: words[0] == Self.written)
  }

  package var line: String {
    "\(isWritten ? Self.written : Self.planned) \(role) \(uid) \(settingsFile.map(StateFileText.encoded) ?? Self.noFile) \(StateFileText.encoded("\(path)"))"
  }
}

extension RecordedOutput {
  /// The same output before anything is written there.
  package var asPlanned: RecordedOutput {
    RecordedOutput(role: role, uid: uid, settingsFile: settingsFile, path: path, isWritten: false)
  }

  /// The outputs of all roles of the settings, as planned.
  package static func all(of settings: DaemonSettings) -> [RecordedOutput] {
    let files = settings.inventory.fileOfRole
    return settings.roles.flatMap { role in
      role.outputs.compactMap { output in
        guard case .elsewhere(let text) = output.location, let path = OutputPath(text) else { return nil }
        return RecordedOutput(
          role: role.name, uid: output.uid, settingsFile: files[role.name], path: path, isWritten: false)
      }
    }
  }
}

/// A role with files in its own directory, as recorded in the state file: the next process uses it to decide about the directory if
/// its settings no longer name the role.
///
///     directory uploader /etc/rolekeeper/rolekeeper.toml /run/rolekeeper/roles
package struct RecordedDirectory: Hashable, Sendable {
  let role: RoleName
  /// The settings file that names it.
  let settingsFile: String
  /// The `files.directory` that contains it; nil if unknown.
  package let parent: String?

  private static let kind = "directory"

  init(role: RoleName, settingsFile: String, parent: String? = nil) {
    self.role = role
    self.settingsFile = settingsFile
    self.parent = parent
  }

  /// Nil for a line of another kind.
  package init?(line words: [Substring]) {
    guard words.count == 3 || words.count == 4, words[0] == Self.kind, let role = RoleName(words[1]),
      let file = StateFileText.decoded(words[2])
    else { return nil }
    let parent = words.count == 4 ? StateFileText.decoded(words[3]) : nil
    if words.count == 4, parent.flatMap({ OutputPath($0) }) == nil { return nil }
    self.init(role: role, settingsFile: file, parent: parent)
  }

  package var line: String {
    let words = [Self.kind, "\(role)", StateFileText.encoded(settingsFile)]
    return (words + (parent.map { [StateFileText.encoded($0)] } ?? [])).joined(separator: " ")
  }

  /// The directories of all roles of the settings.
  package static func all(of settings: DaemonSettings) -> [RecordedDirectory] {
    let files = settings.inventory.fileOfRole
    return settings.roles.compactMap { role in
      guard role.outputs.contains(where: \.location.isInRoleDirectory) else { return nil }
      return files[role.name].map {
        RecordedDirectory(role: role.name, settingsFile: $0, parent: settings.filesDirectory)
      }
    }
  }
}

/// A word of the state file: blanks, control characters and `%` are percent-encoded.
private enum StateFileText {
  static func encoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if byte.isControl || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "%") {
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func decoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
        return nil
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

import Core
import FileOutput
import Settings

/// An output outside the roles' directory, as the state file has it: a credential of ours may lie there, whatever later settings say.
///
///     file uploader 1007 /etc/rolekeeper/rolekeeper.toml /srv/app/credentials.json
///
/// In paths blanks, control characters and `%` are percent-encoded.
struct RecordedOutput: Hashable, Sendable {
  let role: RoleName
  /// The file's owner.
  let uid: UInt32
  /// Which file of the settings names it; nil when an accepted reload took it out and its removal hasn't succeeded yet.
  let settingsFile: String?
  let path: OutputPath

  private static let kind = "file"
  private static let noFile = "-"

  init(role: RoleName, uid: UInt32, settingsFile: String?, path: OutputPath) {
    self.role = role
    self.uid = uid
    self.settingsFile = settingsFile
    self.path = path
  }

  /// Nil for a line of something else.
  init?(line words: [Substring]) {
    guard words.count == 5, words[0] == Self.kind, let role = RoleName(words[1]), let uid = UInt32(words[2]),
      let file = Self.decoded(words[3]), let path = Self.decoded(words[4]).flatMap({ OutputPath($0) })
    else { return nil }
    self.init(role: role, uid: uid, settingsFile: file == Self.noFile ? nil : file, path: path)
  }

  var line: String {
    "\(Self.kind) \(role) \(uid) \(settingsFile.map(Self.encoded) ?? Self.noFile) \(Self.encoded("\(path)"))"
  }

  private static func encoded(_ text: String) -> String {
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

  private static func decoded(_ text: Substring) -> String? {
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

extension RecordedOutput {
  /// Of all roles of the settings.
  static func all(of settings: DaemonSettings) -> [RecordedOutput] {
    let files = settings.inventory.fileOfRole
    return settings.roles.flatMap { role in
      role.outputs.compactMap { output in
        guard case .elsewhere(let text) = output.location, let path = OutputPath(text) else { return nil }
        return RecordedOutput(role: role.name, uid: output.uid, settingsFile: files[role.name], path: path)
      }
    }
  }
}

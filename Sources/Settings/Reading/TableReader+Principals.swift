import Core

extension TableReader {
  /// The users or groups of a list, and their places.
  func principals(_ key: PrincipalsKey) -> [(principal: Principal, place: Place)] {
    guard let node = member(key) else { return [] }
    guard case .array(let items) = node.value else {
      reportType(key, node, instead: node.value.asPrincipal.map { "[\($0)]" })
      return []
    }
    return items.compactMap { item in
      let place = Place(file: place.file, line: item.line, key: place(of: key).key)
      return principal(key.kind, item.value, at: place, remedy: key.remedy()).map { ($0, place) }
    }
  }

  /// Whether a list is missing or empty.
  func isEmptyList(_ key: any SettingKey) -> Bool {
    guard let node = member(key) else { return true }
    if case .array(let items) = node.value { return items.isEmpty }
    return false
  }

  /// Whether the key is written, as a text without a character.
  func isEmptyText(_ key: PrincipalKey) -> Bool {
    if case .string(let text)? = member(key)?.value { text.isEmpty } else { false }
  }

  /// One user or group; nil if the key isn't written. `command` creates one that is wanted for this key alone; such a key
  /// can't be left out.
  func principal(_ key: PrincipalKey, toCreate command: String? = nil) -> Principal? {
    member(key).flatMap {
      principal(
        key.kind, $0.value, at: place(of: key), toCreate: command,
        remedy: command == nil ? key.remedy() : key.requiredRemedy(key.example))
    }
  }

  private func principal(
    _ kind: PrincipalKind, _ value: TOMLNode.Value, at place: Place, toCreate command: String? = nil,
    remedy: @autoclosure () -> String
  ) -> Principal? {
    let answer: Result<Principal?, HostError>
    let label: String
    switch value {
    case .string(let name):
      label = "\(kind.rawValue) '\(name)'"
      answer = context.principals.find(kind, named: name)
    case .integer(let number):
      // chown(2) takes the highest number for "unchanged", so no user or group has it.
      guard let id = UInt32(exactly: number), id != .max else {
        findings.error(place, "has \(number), which is no \(kind.rawValue)'s number", remedy())
        return nil
      }
      label = "\(kind.rawValue) \(id)"
      // A number needs no look-up to be valid.
      switch context.principals.find(kind, number: id) {
      case .success(let principal): answer = .success(principal ?? Principal(id: id, name: nil))
      case .failure: answer = .success(Principal(id: id, name: nil, isLookUpFailed: true))
      }
    default:
      findings.error(place, "has \(value.article), expected a \(kind.rawValue)'s name or number", remedy())
      return nil
    }
    switch answer {
    case .success(let principal?): return principal
    case .success(nil):
      findings.error(
        place, "names \(label), which this host doesn't know",
        command.map { "correct the name, or run: \($0)" } ?? unknownRemedy(value.asName, kind))
    case .failure(let error):
      findings.passing(
        place, "names \(label), which can't be looked up: \(error)",
        "check this host's user database (getent passwd), or write its number")
    }
    return nil
  }
}

extension TableReader {
  /// `useradd 1002` would create a user with that name and another number.
  private func unknownRemedy(_ name: String, _ kind: PrincipalKind) -> String {
    guard name.utf8.allSatisfy(\.isDigit), !name.isEmpty else {
      let near = context.principals.nearest(kind, to: name)
      return (near.map { "did you mean '\($0)'? If not, run: " } ?? "correct the name, or run: ")
        + "\(kind.creation) \(SafeFix.quoted(name))"
    }
    guard let number = UInt32(name), number != .max else {
      return "correct it: that is no \(kind.rawValue)'s number either"
    }
    return "write \(number) without quotes: a number in quotes is taken for a name"
  }
}

extension PrincipalKind {
  fileprivate var creation: String {
    switch self {
    case .user: "sudo useradd --system"
    case .group: "sudo groupadd --system"
    }
  }
}

extension TOMLNode.Value {
  fileprivate var asName: String { if case .string(let name) = self { name } else { "NAME" } }

  /// The value as it would be written in a list of principals.
  fileprivate var asPrincipal: String? {
    switch self {
    case .string(let name): "\"\(name)\""
    case .integer(let number): "\(number)"
    default: nil
    }
  }
}

/// The name of a unit of the service manager, as `encode@7.service` (systemd.unit(5)).
package struct UnitName: Hashable, Sendable, CustomStringConvertible {
  /// 255 characters is the longest that systemd takes.
  fileprivate static let longest = 255
  /// The units that run programs, and so can load credentials (systemd.exec(5)).
  fileprivate static let types = [".service", ".socket", ".mount", ".swap"]

  package let description: String

  /// nil when it isn't the name of a unit that runs programs.
  package init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count <= Self.longest, bytes.allSatisfy(\.isUnitName) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard !text.hasPrefix("@"), Self.types.contains(where: { text.hasSuffix($0) && text != $0 }) else { return nil }
    description = text
  }

  package init?(_ text: String) { self.init(text.utf8) }

  /// What all instances of a template have in common, `encode@*.service` for `encode@.service`; nil for a unit that
  /// isn't a template: its name has nothing between the first `@` and the last dot (systemd.unit(5)).
  package var instances: UnitPattern? {
    let name = description.utf8
    guard let at = name.firstIndex(of: UInt8(ascii: "@")), let dot = name.lastIndex(of: UInt8(ascii: ".")),
      name.index(after: at) == dot
    else { return nil }
    return UnitPattern("\(description[...at])*\(description[dot...])")
  }
}

/// Unit names that are alike: `*` stands for any characters, also for none, and `?` for one, as in `encode@*.service`.
package struct UnitPattern: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  /// nil when no name of a unit that runs programs can match it.
  package init?(_ text: String) {
    let isPlain = text.utf8.allSatisfy { $0.isUnitName || $0 == Self.any || $0 == Self.one }
    // systemd takes no name that begins with an @, and refuses a whole list of names for one that it doesn't take (tried with systemd 252).
    guard !text.isEmpty, !text.hasPrefix("@"), text.utf8.count <= UnitName.longest, isPlain else { return nil }
    let end = text.utf8.last
    guard end == Self.any || UnitName.types.contains(where: { text.hasSuffix($0) && text != $0 }) else { return nil }
    description = text
  }

  /// The first character that neither a unit's name has nor stands for others.
  package static func foreignCharacter(in text: String) -> Character? {
    text.first { !$0.utf8.allSatisfy { $0.isUnitName || $0 == Self.any || $0 == Self.one } }
  }

  /// The one unit that it names; nil when it has a wildcard.
  package var name: UnitName? {
    description.utf8.contains { $0 == Self.any || $0 == Self.one } ? nil : UnitName(description)
  }

  /// Whether only names of services match it.
  package var isOfServices: Bool { description.hasSuffix(".service") }

  /// The same as a regular expression of JavaScript (ECMA-262) for the whole name, slashes included.
  package var regularExpression: String {
    let body = description.unicodeScalars.map { scalar in
      switch scalar {
      case "*": ".*"
      case "?": "."
      // Of the characters that a pattern may have, the two with a meaning of their own.
      case ".", "\\": "\\\(scalar)"
      default: "\(scalar)"
      }
    }.joined()
    return "/^\(body)$/"
  }

  package func matches(_ unit: UnitName) -> Bool {
    let (pattern, name) = (Array(description.utf8), Array(unit.description.utf8))
    var (at, place) = (0, 0)
    // Where the last `*` stands, and how far it reaches by now.
    var star: (at: Int, reach: Int)?
    while place < name.count {
      if at < pattern.count, pattern[at] == Self.any {
        star = (at, place)
        at += 1
      } else if at < pattern.count, pattern[at] == Self.one || pattern[at] == name[place] {
        (at, place) = (at + 1, place + 1)
      } else if let last = star {
        star = (last.at, last.reach + 1)
        (at, place) = (last.at + 1, last.reach + 1)
      } else {
        return false
      }
    }
    return pattern[at...].allSatisfy { $0 == Self.any }
  }

  /// Whether it matches the unit or, if that is a template, some instance of it: as `encode@7.service` and `*.service`
  /// do for `encode@.service`.
  package func canMatch(_ unit: UnitName) -> Bool {
    unit.instances.map { overlaps($0) } ?? matches(unit)
  }

  /// Whether some text matches both patterns.
  private func overlaps(_ other: UnitPattern) -> Bool {
    let (ours, theirs) = (Array(description.utf8), Array(other.description.utf8))
    // Whether some text matches what is left of ours from each place on and what is left of theirs; for theirs, from
    // its end to its beginning.
    var later = ours.indices.map { ours[$0...].allSatisfy { $0 == Self.any } } + [true]
    for their in theirs.reversed() {
      var now = later.map { _ in false }
      now[ours.count] = their == Self.any && later[ours.count]
      for at in ours.indices.reversed() {
        now[at] =
          if their == Self.any || ours[at] == Self.any {
            later[at] || now[at + 1]
          } else {
            (ours[at] == their || ours[at] == Self.one || their == Self.one) && later[at + 1]
          }
      }
      later = now
    }
    return later[0]
  }

  private static let any = UInt8(ascii: "*")
  private static let one = UInt8(ascii: "?")
}

extension UInt8 {
  /// Whether a unit's name may have it (systemd.unit(5)).
  fileprivate var isUnitName: Bool { isLetterOrDigit || #":-_.\@"#.utf8.contains(self) }
}

import Core

/// The rule of `RoleName`, which also holds for sources, in messages.
enum NameRule {
  /// The remedy for an invalid name; it has the nearest valid name if there is one.
  static func remedy(for name: String, in table: String) -> String {
    nearest(to: name).map { "write [\(table).\($0)]: \(RoleName.rule)" } ?? "choose another name: \(RoleName.rule)"
  }

  /// `name` in lower case, with `-` for each other character and without `-` and `_` at the beginning.
  static func nearest(to name: String) -> RoleName? {
    let plain = name.lowercased().map { character in
      character.isASCIILetterOrDigit || character == "_" || character == "-" ? character : "-"
    }
    var kept = plain.drop { $0 == "-" || $0 == "_" }.prefix(32)
    while kept.last == "-" { kept.removeLast() }
    return RoleName(String(kept))
  }
}

import Core

/// The text of `--help`, from the table of options.
enum Usage {
  static let width = 120

  static var text: String {
    let groups = Option.Group.allCases.map { group in
      list("\(group.rawValue):", Option.allCases.filter { $0.entry.group == group }.map { ($0.name, $0.entry.help) })
    }
    let statuses = list("Exit status:", ExitStatus.entries.map { ($0.status, $0.meaning) })
    return ([introduction] + groups + [units, statuses, more]).joined(separator: "\n")
  }

  private static let introduction = """
    usage: vod-upload [OPTION…] DIR|FILE…
           vod-upload [OPTION…] --watch DIR

    Uploads videos to ApsaraVideo VOD with a role's temporary credential from rolekeeper, renewed as long as it takes. DIR
    stands for its files and all below. A run that was interrupted, in whatever way, is continued by the same command: the
    journal remembers what has been uploaded.

    """

  private static let units = """
    TIME is a number with a unit: 90s, 30min, 2h or 1h30min; SIZE likewise: 512B, 100kB, 16MiB, 5GiB; RATE is a SIZE with
    /s, such as 10MB/s.

    """

  private static let more = """
    There is no option for an AccessKey, and none is read from the environment or from a file. The manual is
    /usr/share/doc/rolekeeper/docs/vod-upload.md.

    """

  /// Names and their meanings, the latter in a column of their own.
  private static func list(_ title: String, _ items: [(name: String, meaning: String)]) -> String {
    let column = 2 + (items.map(\.name.count).max() ?? 0) + 2
    let lines = items.flatMap { item in
      let start = "  \(item.name)\(String(repeating: " ", count: column - 2 - item.name.count))"
      return TextLayout.wrapped(item.meaning, width: width - column).enumerated().map { row, line in
        (row == 0 ? start : String(repeating: " ", count: column)) + line
      }
    }
    return "\(title)\n\(lines.joined(separator: "\n"))\n"
  }
}

extension Option {
  /// The name with the placeholder for its value, as the help shows it.
  fileprivate var name: String { entry.value.map { "\(rawValue) \($0)" } ?? rawValue }
}

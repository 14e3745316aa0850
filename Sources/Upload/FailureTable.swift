import Core

/// What failed or wasn't begun, why, and what to do: the end of a run.
package enum FailureTable {
  /// Lines for a terminal of `width` columns, nil for another output: there each failure is one line. None when nothing failed.
  package static func render(_ rows: [ReportRow], width: Int?, colours: Bool = false) -> [String] {
    let failures = rows.compactMap { row in row.result.reportedTrouble.map { (row, $0) } }
    if failures.isEmpty { return [] }
    let titles = ["FILE", "STATUS", "ERROR", "WHAT TO DO"]
    let cells = failures.map { row, trouble in
      [
        TextLayout.Cell(text: VisibleText.escaped(row.path)),
        TextLayout.Cell(text: row.result.status, colour: colour(of: row.result)),
        TextLayout.Cell(text: VisibleText.escaped(named(trouble.error, row))),
        TextLayout.Cell(text: VisibleText.escaped(trouble.fix)),
      ]
    }
    guard let width, TextLayout.width(titles, cells) > width else {
      return TextLayout.table(titles, cells, colours: colours)
    }
    return cells.enumerated().flatMap { number, cells in
      (number == 0 ? [] : [""]) + stacked(cells, width: width, colours)
    }
  }

  /// With the video that it is about: what is kept of many failures that are alike doesn't name it.
  private static func named(_ error: String, _ row: ReportRow) -> String {
    guard let id = row.videoID, !error.contains(id) else { return error }
    return "\(error) (VideoId \(id))"
  }

  /// A failure below its file, where a line is too narrow for all.
  private static func stacked(_ cells: [TextLayout.Cell], width: Int, _ colours: Bool) -> [String] {
    let head = TextLayout.wrapped("\(cells[0].text): \(cells[1].text)", width: width, indent: "  ")
    let rest = [cells[2].text, "→ \(cells[3].text)"].flatMap { text in
      TextLayout.wrapped(text, width: width - 2, indent: "  ").enumerated().map { $0 == 0 ? "  \($1)" : $1 }
    }
    return head.map { cells[1].colour.paint($0, colours) } + rest
  }

  private static func colour(of result: UploadResult) -> TextLayout.Colour {
    if case .failed = result { .bad } else { .warning }
  }

  /// Lines on the files that failed or weren't begun and have none in `rows`; none where there are no such.
  package static func rest(_ counts: ResultCounts, besides rows: [ReportRow]) -> [String] {
    let unstarted = rows.count { $0.result.isNotStarted }
    let troubled = rows.count { $0.result.trouble != nil }
    return [
      (counts.troubled - troubled, "failed or not confirmed"), (counts.notStarted - unstarted, "not started"),
    ].filter { $0.0 > 0 }.map { rest, what in
      "\(rest) more file\(rest == 1 ? "" : "s") \(what); --report lists every file"
    }
  }

  /// One line on all of it: `3 files: 1 uploaded, 1 confirmed by VOD, 1 failed; 7 others skipped`.
  package static func summary(_ counts: ResultCounts) -> String {
    let parts = [
      (counts.uploaded, "uploaded"), (counts.confirmed, "confirmed by VOD (CRC not seen)"),
      (counts.unchecked, "uploaded (CRC64 not checked)"), (counts.unconfirmed, "not confirmed"),
      (counts.failed, "failed"), (counts.notStarted, "not started"),
    ]
    let text = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    let (files, skipped) = (counts.files, counts.skipped)
    if files == 0 { return skipped == 0 ? "0 files" : "0 files: \(skipped) skipped" }
    // These aren't among the files.
    let others = skipped == 0 ? "" : "; \(skipped) other\(skipped == 1 ? "" : "s") skipped"
    return "\(files) file\(files == 1 ? "" : "s"): \(text)\(others)"
  }
}

/// How many files ended in which way.
package struct ResultCounts: Equatable, Sendable {
  package private(set) var uploaded = 0
  package private(set) var confirmed = 0
  package private(set) var unchecked = 0
  package private(set) var unconfirmed = 0
  package private(set) var failed = 0
  package private(set) var skipped = 0
  package private(set) var notStarted = 0

  package init() {}

  package mutating func count(_ result: UploadResult) {
    switch result {
    case .uploaded: uploaded += 1
    case .confirmed: confirmed += 1
    case .unchecked: unchecked += 1
    case .unconfirmed: unconfirmed += 1
    case .failed: failed += 1
    case .skipped: skipped += 1
    case .notStarted, .unsettled: notStarted += 1
    }
  }

  /// Those that were to be uploaded.
  package var files: Int { uploaded + confirmed + unchecked + unconfirmed + failed + notStarted }
  package var troubled: Int { unconfirmed + failed }
}

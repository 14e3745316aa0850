import Core
import JSON

/// Prints findings as they come, or at the end as one line of JSON, and counts them.
package struct FindingReport {
  package enum Form {
    case text, json
  }

  private let form: Form
  private let write: (String) -> Void
  private var findings: [Finding] = []

  /// `write` gets each text with its line's end.
  package init(_ form: Form, write: @escaping (String) -> Void) {
    self.form = form
    self.write = write
  }

  package mutating func add(_ finding: Finding) {
    findings.append(finding)
    if form == .text { write(VisibleText.escapedLines(finding.lines) + "\n") }
  }

  /// A line between the findings, for people alone.
  package func say(_ line: String) { if form == .text { write(line + "\n") } }

  /// `ok` without any finding.
  package var worst: Finding.Verdict { findings.map(\.verdict).max() ?? .ok }

  /// The counts, or the line of JSON.
  package func finish() {
    guard form == .json else { return write("\(summary)\n") }
    var json = JSONWriter([UInt8]())
    json.object { json in
      json.member("verdict", worst.rawValue)
      json.key("findings")
      json.array { json in for finding in findings { finding.write(to: &json) } }
    }
    write(String(decoding: json.finish(), as: UTF8.self) + "\n")
  }

  private var summary: String {
    let verdicts: [Finding.Verdict] = [.failed, .warning, .skipped, .note, .ok]
    return verdicts.compactMap { verdict in
      let count = findings.count { $0.verdict == verdict }
      let hasPlural = verdict == .warning || verdict == .note
      let noun = verdict.rawValue + (hasPlural && count > 1 ? "s" : "")
      return count == 0 ? nil : "\(count) \(noun)"
    }.joined(separator: ", ")
  }
}

extension VisibleText {
  /// `text` with its line breaks, and every other control character escaped.
  fileprivate static func escapedLines(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { escaped(String($0)) }.joined(separator: "\n")
  }
}

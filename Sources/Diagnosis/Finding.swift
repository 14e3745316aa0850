import Core
package import JSON

/// One thing that was looked at: how it is, and what to do next.
package struct Finding: Hashable, Sendable {
  package enum Verdict: String, Hashable, Sendable, Comparable {
    case ok
    /// Nothing is wrong, and something is worth knowing.
    case note
    /// It couldn't be looked at; `text` says why.
    case skipped
    case warning
    case failed

    private var rank: Int {
      switch self {
      case .ok: 0
      case .note: 1
      case .skipped: 2
      case .warning: 3
      case .failed: 4
      }
    }

    package static func < (one: Verdict, other: Verdict) -> Bool { one.rank < other.rank }
  }

  package let verdict: Verdict
  /// What was looked at, such as `role uploader`.
  package let subject: String
  package let text: String
  /// What to do; nil if there is nothing to do.
  package let next: String?
  /// Numbers in `text` that programs may want, in seconds.
  package var figures: [Figure] = []

  package struct Figure: Hashable, Sendable {
    package let name: String
    package let seconds: Int64

    init(_ name: String, _ span: Duration) { (self.name, seconds) = (name, span.wholeSeconds) }
  }

  package init(_ verdict: Verdict, _ subject: String, _ text: String, next: String? = nil) {
    self.verdict = verdict
    self.subject = subject
    self.text = text
    self.next = next
  }

  /// The lines for people, without the last line's end:
  ///
  ///     failed   role uploader: NoPermission (HTTP 403, request 5F2C…)
  ///              next: allow the RAM user that signs …
  package var lines: String {
    let column = 9
    let label = verdict.rawValue + String(repeating: " ", count: column - verdict.rawValue.utf8.count)
    let after = next.map { "\n\(String(repeating: " ", count: column))next: \($0)" } ?? ""
    return "\(label)\(subject): \(text)\(after)"
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("verdict", verdict.rawValue)
      json.member("subject", subject)
      json.member("text", text)
      json.key("next")
      if let next { json.string(next) } else { json.null() }
      if !figures.isEmpty {
        json.key("figures")
        json.object { json in for figure in figures { json.member(figure.name, figure.seconds) } }
      }
    }
  }
}

import JSON
package import TestSupport

/// A vod-upload of a test's own.
package final class UploadProcess {
  /// A file's row in the report.
  package struct Row: Sendable {
    package let path: String
    /// `uploaded`, `confirmed`, `not-confirmed`, `failed`, `skipped` or `not-started`.
    package let status: String
    package let videoID: String?
    /// `oss://BUCKET/KEY`.
    package let objectAddress: String?
    package let error: String
    package let fix: String

    package var isUploaded: Bool { status == "uploaded" || status == "confirmed" }
    package var key: String? {
      objectAddress.map { String($0.dropFirst(6).drop { $0 != "/" }.dropFirst()) }
    }
  }

  package struct Result {
    package let status: CInt
    package let output: String
    package let errors: String
    /// As the report has them; none without one.
    package let rows: [Row]

    package func row(_ name: String) -> Row? { rows.first { $0.path.hasSuffix("/\(name)") } }
  }

  package let child: ChildProcess
  package let journalPath: String
  package let reportPath: String

  init(_ child: ChildProcess, journalPath: String, reportPath: String) {
    self.child = child
    self.journalPath = journalPath
    self.reportPath = reportPath
  }

  package func wait() throws -> Result {
    let status = child.wait()
    return Result(
      status: status, output: child.output, errors: child.errors,
      rows: try FileText.read(reportPath).map { try Self.rows($0) } ?? [])
  }

  /// Waits for a text in its output; throws when it ends without.
  package func awaitOutput(_ text: String, within seconds: Double = 20) throws {
    try eventually("'\(text)' in the output of vod-upload", within: seconds) {
      let status = child.statusIfEnded
      if child.output.contains(text) { return true }
      if let status { throw ProgramEnded(name: "vod-upload", status: status, errors: child.errors) }
      return false
    }
  }

  private static func rows(_ report: String) throws -> [Row] {
    var rows: [Row] = []
    let text = Array(report.utf8)
    try JSONDocument(text.span).root.forEachItem { row in
      rows.append(
        Row(
          path: row["path"]?.string() ?? "", status: row["status"]?.string() ?? "", videoID: row["video_id"]?.string(),
          objectAddress: row["object_address"]?.string(), error: row["error"]?.string() ?? "",
          fix: row["fix"]?.string() ?? ""))
    }
    return rows
  }
}

/// What a journal of vod-upload says, as a stranger reads it.
package struct JournalContent {
  /// The kinds of each file's records in their order, by path.
  package private(set) var records: [String: [String]] = [:]

  /// What isn't a whole line, which a crash leaves at the end, is passed over.
  package init(_ path: String) {
    var paths: [Int64: String] = [:]
    for line in (FileText.read(path) ?? "").split(separator: "\n") {
      let text = Array(line.utf8)
      guard let root = try? JSONDocument(text.span).root, let number = root["file"]?.int,
        let kind = root["record"]?.string()
      else { continue }
      if kind == "file" { paths[number] = root["path"]?.string() }
      if let path = paths[number] { records[path, default: []].append(kind) }
    }
  }

  /// Those whose last word is that their completion may have been sent.
  package var completing: Set<String> {
    Set(
      records.compactMap { path, kinds in
        guard let last = kinds.lastIndex(of: "completing") else { return nil }
        return kinds[last...].contains { ["done", "refused", "restarted", "unconfirmed", "damaged"].contains($0) }
          ? nil : path
      })
  }
}

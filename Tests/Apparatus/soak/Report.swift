import Laboratory

/// What a soak comes to: a table in Markdown, and one last line.
struct Report {
  /// What the last process may have grown by since it was first looked at, beyond what it needs for its roles: buffers of
  /// calls and connections that happen to be in use, and what malloc(3) keeps of them.
  private static let memoryBound = 1024 * 1024
  /// libcurl keeps up to 16 connections, which come and go.
  private static let descriptorBound = 16

  let seed: UInt64
  var elapsed = 0.0
  var isInterrupted = false
  /// Why it ended before its time.
  var failure: String?
  var findings = Findings.Count()
  var tally = ChaosDriver.Tally()
  /// AssumeRole calls that brought a session, and those that didn't.
  var rotations = 0
  var spoiled = 0
  /// nil when it wasn't looked at to its end.
  var upload: LongUpload.Summary?
  var start: DaemonFigures?
  /// Of the process that lived to the end: its first figures and its last.
  var lastLife: DaemonFigures?
  var lastLifeSeconds = 0.0
  var end: DaemonFigures?

  init(seed: UInt64) { self.seed = seed }

  /// nil when figures are missing.
  private var isFlat: Bool? {
    guard let lastLife, let end else { return nil }
    return end.anonymous - lastLife.anonymous <= Self.memoryBound
      && end.descriptors - lastLife.descriptors <= Self.descriptorBound
  }

  var isGood: Bool {
    failure == nil && findings.wrongTotal == 0 && isFlat == true && rotations > 0 && (upload?.isWhole ?? isInterrupted)
      && Findings.Way.allCases.allSatisfy { findings.used[$0] ?? 0 > 0 }
  }

  func show() {
    let faults = tally.faults.values.reduce(0, +) + tally.newKeys + tally.halfKeys
    Console.print("\n| what | figure |\n|---|---|")
    row("seed; time", "\(seed); \(Int(elapsed) / 60) min \(Int(elapsed) % 60) s\(isInterrupted ? ", interrupted" : "")")
    row("rotations", "\(rotations)")
    row("AssumeRole calls that failed", "\(spoiled)")
    row(
      "reads, each used at STS",
      "\(findings.reads): " + list(Findings.Way.allCases.map { ($0.rawValue, findings.used[$0] ?? 0) }))
    row("expired, wrong, empty, incomplete or refused answers", wrongs)
    row("503 with a reason, of roles for which no credential was promised", "\(findings.refusedWithReason)")
    row("files missing meanwhile", "\(findings.absentFiles)")
    row("reservations refused for now (429, 503)", "\(findings.putOff)")
    row("valid when read, but expired before STS was asked", "\(findings.late)")
    row(
      "restarts",
      "\(tally.terminations + tally.kills): \(tally.terminations) SIGTERM, \(tally.kills) SIGKILL; the longest took \(milliseconds(tally.longestRestart)), \(findings.gaps) reads failed during one"
    )
    row(
      "reloads",
      "\(tally.goodReloads + tally.refusedReloads): \(tally.goodReloads) good, \(tally.refusedReloads) bad and refused")
    row("refreshes requested", "\(tally.refreshes)")
    row("faults injected", "\(faults), as below")
    for (name, count) in tally.faults.sorted(by: { $0.key < $1.key }) { row("– \(name)", "\(count)") }
    row("– AccessKey replaced, the old one disabled", "\(tally.newKeys)")
    row("– half an AccessKey file", "\(tally.halfKeys)")
    if let upload { show(upload) }
    showMachine()
    Console.print("\n" + lastLine)
  }

  private func show(_ upload: LongUpload.Summary) {
    row(
      "upload",
      "\(upload.size) bytes in \(Int(upload.seconds)) s, \(upload.isWhole ? "each byte right" : "WRONG: \(upload.problems.joined(separator: "; "))")"
    )
    row("– sessions issued for its role", "\(upload.sessions)")
    row("– credentials for its object", "\(upload.grants)")
    row("– parts stored, requests for parts that failed", "\(upload.parts), \(upload.failedParts)")
    row("– killed and started again", "\(upload.kills)")
    row("– faults injected", "\(upload.faults)")
  }

  private func showMachine() {
    func three(_ figure: (DaemonFigures) -> String) -> String {
      [start, lastLife, end].map { $0.map(figure) ?? "?" }.joined(separator: ", ")
    }
    let moments = "at the start, at the last restart, \(Int(lastLifeSeconds)) s later"
    row("anonymous memory (Anonymous) \(moments)", three { kibibytes($0.anonymous) })
    row("resident memory (Rss)", three { kibibytes($0.resident) })
    row("descriptors without clients'", three { "\($0.descriptors)" })
  }

  private var wrongs: String {
    findings.wrongTotal == 0
      ? "0" : "\(findings.wrongTotal): " + list(findings.wrongs.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
  }

  private var lastLine: String {
    if let failure { return "soak: FAILED after \(Int(elapsed)) s (seed \(seed)): \(failure)" }
    let flat = isFlat.map { $0 ? "memory and descriptors flat" : "memory or descriptors NOT flat" } ?? "no figures"
    let used = findings.used.values.allSatisfy { $0 > 0 } && findings.used.count == Findings.Way.allCases.count
    return
      "soak: \(isGood ? "good" : "FAILED")\(isInterrupted ? ", interrupted" : ""): \(findings.wrongTotal) expired or wrong of "
      + "\(findings.reads) reads\(used ? "" : ", and not in every way"), \(rotations) rotations, \(uploaded), \(flat) (seed \(seed))"
  }

  private var uploaded: String {
    guard let upload else { return "no upload" }
    return "upload of \(upload.size / 1_000_000) MB \(upload.isWhole ? "whole" : "NOT whole")"
  }

  private func list(_ counts: [(String, Int)]) -> String { counts.map { "\($0.1) \($0.0)" }.joined(separator: ", ") }

  private func milliseconds(_ seconds: Double) -> String { "\(Int((seconds * 1000).rounded())) ms" }

  private func row(_ name: String, _ figure: String) { Console.print("| \(name) | \(figure) |") }
}

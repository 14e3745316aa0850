import Glibc
import TestSupport

/// What a run found.
struct Report {
  private(set) var sections: [(title: String, remark: String, rows: [Row])] = []
  var memory: [MemoryPoint] = []
  private let began = Machine.date
  /// Of the minute before: what else the machine had to do.
  private let load = Machine.loadAverage

  mutating func add(_ title: String, _ remark: String = "", _ rows: [Row]) {
    sections.append((title, remark, rows))
    printLine("\n## \(title)\n\(remark)\n")
    printLine(Table.markdown(rows))
  }

  private var rows: [Row] { sections.flatMap(\.rows) }

  /// Writes all that is asked for, and a summary in the last lines.
  func write(to options: Options) throws {
    mkdir(options.out, 0o755)
    try TextFile.write(json, to: "\(options.out)/bench.json")
    let head = "Machine: \(Machine.summary). Made by `\(options.command)`; load average \(load) when it began.\n"
    try TextFile.write(head + tables(), to: "\(options.out)/bench.md")
    printLine("bench: \(rows.count) rows in \(options.out)/bench.json and bench.md; \(verdict())")
    if let docs = options.docs { try add(to: docs) }
  }

  /// Adds the run to those in the documents.
  private func add(to docs: String) throws {
    let (page, file) = ("\(docs)/performance.md", "\(docs)/performance-runs.txt")
    var record = access(file, F_OK) == 0 ? try Record(try TextFile.read(file)) : Record()
    record.runs.append(
      Record.Run(
        date: began, build: Machine.build, load: load, machine: Machine.summary,
        findings: Dictionary(uniqueKeysWithValues: rows.map { ($0.measure, $0.finding) })))
    try TextFile.write(record.text, to: file)
    let runs = record.latest.map(\.findings)
    try TextFile.write(
      try Marked.replace(in: try TextFile.read(page), by: record.summary + tables(over: runs)), to: page)
    if !memory.isEmpty { try TextFile.write(MemoryPlot(points: memory).svg, to: "\(docs)/memory.svg") }
    printLine(
      "bench: \(file) has \(record.runs.count) runs; in the median of the last \(runs.count), \(verdict(over: runs))")
  }

  /// How many rows keep their targets, and those that don't.
  private func verdict(over runs: [[String: Finding]]? = nil) -> String {
    let bounded = rows.count { $0.target != nil }
    let missed = Table.missed(rows, over: runs)
    let lines = missed.map { row, finding in
      "\n  missed: \(row.measure): \(figure(finding.ratio ?? finding.ours)), target \(row.target!.text(row.unit))"
    }
    return "\(bounded - missed.count) of \(bounded) targets met\(lines.joined())"
  }

  private var json: String {
    let lines = rows.map { row in
      #"{"measure":"\#(row.measure)","unit":"\#(row.unit)","ours":\#(Self.number(row.finding.ours)),"#
        + #""yardstick":\#(Self.number(row.finding.yardstick)),"ratio":\#(Self.number(row.finding.ratio))}"#
    }
    return "{\"rows\":[\n\(lines.joined(separator: ",\n"))\n]}\n"
  }

  private static func number(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "null" }
    return "\((value * 10_000).rounded() / 10_000)"
  }

  private func tables(over runs: [[String: Finding]]? = nil) -> String {
    var text = ""
    for section in sections {
      text += "\n### \(section.title)\n\n"
      if !section.remark.isEmpty { text += "\(section.remark)\n\n" }
      text += Table.markdown(section.rows, over: runs)
    }
    return text
  }
}

/// The part of a document that a run replaces.
private enum Marked {
  static let begin = "<!-- bench: begin, written by make bench -->\n"
  static let end = "<!-- bench: end -->"

  static func replace(in page: String, by text: String) throws -> String {
    guard let first = page.firstRange(of: begin), let last = page.firstRange(of: end),
      first.upperBound <= last.lowerBound
    else { throw BenchError("the document has no marks '\(begin.dropLast())' and '\(end)' to write between") }
    return page[..<first.upperBound] + text + page[last.lowerBound...]
  }
}

enum TextFile {
  static func read(_ path: String) throws -> String {
    guard let text = FileText.read(path) else { throw BenchError("cannot read '\(path)'") }
    return text
  }

  static func write(_ text: String, to path: String) throws {
    guard let file = fopen(path, "w") else {
      throw BenchError("cannot write '\(path)': \(String(cString: strerror(errno)))")
    }
    let written = fputs(text, file) >= 0
    guard fclose(file) == 0, written else { throw BenchError("cannot write '\(path)'") }
  }
}

struct BenchError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// What it ran on, without a name.
enum Machine {
  static var summary: String {
    let cores = sysconf(CInt(_SC_NPROCESSORS_ONLN))
    let memory = Double(sysconf(CInt(_SC_PHYS_PAGES))) * Double(sysconf(CInt(_SC_PAGESIZE))) / 1_073_741_824
    let system = FileText.read("/etc/os-release")?.split(separator: "\n").first { $0.hasPrefix("PRETTY_NAME=") }
    let kernel = FileText.read("/proc/sys/kernel/osrelease")?.split(separator: ".").prefix(2).joined(separator: ".")
    return [
      "\(cores) cores", "\(Int(memory.rounded())) GiB",
      system.map { $0.split(separator: "\"").dropFirst().first.map(String.init) ?? "Linux" } ?? "Linux",
      "Linux \(kernel ?? "")",
    ].joined(separator: ", ")
  }

  /// The commit of these sources as `git describe --always --dirty` has it; `unknown` without git.
  static var build: String {
    let sources = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let said = try? ChildProcess.run(["/usr/bin/git", "-C", sources, "describe", "--always", "--dirty", "--exclude=*"])
    return said.flatMap { $0.status == 0 ? $0.output.split(separator: "\n").first.map(String.init) : nil } ?? "unknown"
  }

  /// Now, in UTC.
  static var date: String {
    var (now, parts) = (time(nil), tm())
    gmtime_r(&now, &parts)
    var text = [CChar](repeating: 0, count: 32)
    let count = strftime(&text, text.count, "%Y-%m-%dT%H:%MZ", &parts)
    return String(decoding: text.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Of the last minute, as proc(5) has it.
  static var loadAverage: String {
    FileText.read("/proc/loadavg")?.split(separator: " ").first.map(String.init) ?? "unknown"
  }
}

/// Prints a line at once, however long the rest takes.
func printLine(_ line: String) {
  print(line)
  fflush(nil)
}

import Glibc
import TestSupport

/// What a run found.
struct Report {
  private(set) var sections: [(title: String, remark: String, rows: [Row])] = []
  var memory: [MemoryPoint] = []
  /// Of the minute before: what else the machine had to do.
  private let load = Machine.loadAverage

  mutating func add(_ title: String, _ remark: String = "", _ rows: [Row]) {
    sections.append((title, remark, rows))
    say("\n## \(title)\n\(remark)\n")
    say(Self.table(rows))
  }

  private var rows: [Row] { sections.flatMap(\.rows) }

  /// Writes all that is asked for, and tells in the last lines what was found.
  func write(to options: Options) throws {
    mkdir(options.out, 0o755)
    try TextFile.write(json, to: "\(options.out)/bench.json")
    let markdown = markdown(options)
    try TextFile.write(markdown, to: "\(options.out)/bench.md")
    if let docs = options.docs {
      let page = "\(docs)/performance.md"
      try TextFile.write(try Marked.replace(in: try TextFile.read(page), by: markdown), to: page)
      if !memory.isEmpty { try TextFile.write(MemoryPlot(points: memory).svg, to: "\(docs)/memory.svg") }
    }
    let bounded = rows.filter { $0.target != nil }
    let missed = bounded.filter { row in !(row.ratio.map { row.target!.isMet(by: $0) } ?? true) }
    for row in missed {
      say("beyond its target: \(row.measure): ratio \(figure(row.ratio!)), target \(row.target!.text)")
    }
    say(
      "bench: \(rows.count) rows in \(options.out)/bench.json and bench.md; \(bounded.count - missed.count) of \(bounded.count) targets met"
    )
  }

  private var json: String {
    let lines = rows.map { row in
      #"{"measure":"\#(row.measure)","unit":"\#(row.unit)","ours":\#(Self.number(row.ours)),"#
        + #""yardstick":\#(Self.number(row.yardstick)),"ratio":\#(Self.number(row.ratio))}"#
    }
    return "{\"rows\":[\n\(lines.joined(separator: ",\n"))\n]}\n"
  }

  private static func number(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "null" }
    return "\((value * 10_000).rounded() / 10_000)"
  }

  private func markdown(_ options: Options) -> String {
    var text = "Machine: \(Machine.summary). Made by `\(options.command)`; load average \(load) when it began.\n"
    for section in sections {
      text += "\n### \(section.title)\n\n"
      if !section.remark.isEmpty { text += "\(section.remark)\n\n" }
      text += Self.table(section.rows)
    }
    return text
  }

  private static func table(_ rows: [Row]) -> String {
    var text = "| measure | unit | ours | yardstick | ratio | target | |\n|---|---|---|---|---|---|---|\n"
    for row in rows {
      let beside = row.yardstick.map { "\(figure($0)) (\(row.beside))" } ?? "–"
      let met = row.target.flatMap { target in row.ratio.map { target.isMet(by: $0) ? "met" : "**missed**" } } ?? ""
      let target = row.beside == "the target" ? "" : row.target?.text ?? ""
      text +=
        "| `\(row.measure)` | \(row.unit) | \(figure(row.ours)) | \(beside) | \(row.ratio.map(figure) ?? "–") | \(target) | \(met) |\n"
    }
    return text
  }
}

/// The part of a document that a run writes anew.
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

  /// Of the last minute, as proc(5) has it.
  static var loadAverage: String {
    FileText.read("/proc/loadavg")?.split(separator: " ").first.map(String.init) ?? "unknown"
  }
}

/// Prints a line at once, however long the rest takes.
func say(_ line: String) {
  print(line)
  fflush(nil)
}

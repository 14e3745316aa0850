import Core
import Laboratory
import TestSupport

/// What the other formats of `get` cost.
extension Bench {
  func measureFormats(_ report: inout Report) throws {
    let stage = try Stage()
    try stage.start()
    let get = [Programs.commandLine, "--socket", stage.socket, "get", "role-00000"]
    let template = try stage.lab.directory.write(
      "key={{access_key_id|ini}}\nsecret={{access_key_secret|shell}}\ntoken={{security_token|json}}\nend={{expiration}}\n",
      to: "template")
    let formats =
      CredentialFormat.allCases.filter { $0 != .json }.map { ($0.rawValue, ["--format", $0.rawValue]) }
      + [("template", ["--template", template])]
    func run(_ command: [String]) throws -> Double {
      median(try (0..<form.runs).map { _ in try Spawned(command).milliseconds })
    }
    let rows = try formats.map { name, options in
      let found = try interleaved([{ try run(get + options) }, { try run(get) }])
      return Row.compared(
        "command-get-\(name)-p50", "ms", found[0], with: found[1], beside: "get", target: .ratioAtMost(1.1))
    }
    report.add(
      "The formats of get",
      """
      From the start of the program to its end, beside `get` without a format, in turns; medians of \(form.runs) runs a round.
      """, rows)
  }
}

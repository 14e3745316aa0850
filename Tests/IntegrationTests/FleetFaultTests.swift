import Core
import JSON
import TestNeeds
import TestSupport
import Testing

/// Twelve hosts, a tier of three with nginx and a cloud with two regions, each in a network of its own (Tests/Tools/fleet). Readers use
/// what the hosts hand out all the while.
@Suite(.serialized, .needs(.root), .needs(.nginx)) struct FleetFaultTests {
  /// What the readers saw of one fault.
  private struct Fault {
    let name: String
    /// For how many seconds nothing may be refused.
    let promised: Double
    /// After how many seconds something was.
    let firstRefusal: Double?
    /// Of the host with the fewest.
    let usesPerSecond: Double
    let verdicts: [String: Int64]
    let text: String

    init(_ line: Substring) throws {
      text = String(line)
      let document = try JSONDocument(Array(line.utf8).span)
      name = document.root["fault"]?.string() ?? ""
      promised = document.root["promised"]?.double ?? 0
      usesPerSecond = document.root["least_uses_per_second"]?.double ?? 0
      var refusals: [Double] = []
      document.root["first_refusal"]?.forEachItem { item in item.double.map { refusals.append($0) } }
      firstRefusal = refusals.first
      var counts: [String: Int64] = [:]
      document.root["verdicts"]?.forEachMember { name, count in counts[name.string() ?? ""] = count.int }
      verdicts = counts
    }

    /// Words of verdicts that are no good credential, and aren't the honest answer that there is none.
    var wrongs: [String] { verdicts.keys.filter { $0 != "ok" && !$0.hasPrefix("none ") } }
  }

  @Test func `nothing is refused within the seconds that each fault allows, and nothing expired is ever handed out`()
    throws
  {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let directory = try TemporaryDirectory()
    let run = try ChildProcess.run([
      "/usr/bin/unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "python3",
      "\(root)/Tests/Tools/fleet/fleet.py", Programs.directory, directory.path,
    ])
    let faults = try run.output.split(separator: "\n").map { try Fault($0) }
    try #require(run.status == 0, "\(run.output)\(run.errors)")
    #expect(faults.count == 10)
    for fault in faults {
      print(fault.text)
      #expect(fault.wrongs.isEmpty, "\(fault.text)")
      if let refused = fault.firstRefusal { #expect(refused >= fault.promised, "\(fault.text)") }
      // The one that takes no time has hardly any.
      if fault.promised > 1 { #expect(fault.usesPerSecond >= 1, "\(fault.text)") }
    }
    let lie = try #require(faults.first { $0.name.contains("sends a host's certificate") })
    #expect(lie.text.contains(#""status": "403""#) && lie.text.contains(#""is_logged": true"#), "\(lie.text)")
    let revoked = try #require(faults.first { $0.name == "a host revoked" })
    #expect(revoked.text.contains(#""of_the_host": []"#), "\(revoked.text)")
    let lost = try #require(faults.last)
    #expect(lost.verdicts.keys.contains { $0.hasPrefix("none ") }, "hosts without an AccessKey have none in the end")
  }
}

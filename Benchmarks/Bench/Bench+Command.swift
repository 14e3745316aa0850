import Glibc
import Laboratory
import TestSupport

/// The command line beside doing nothing, and beside curl.
extension Bench {
  func measureCommand(_ report: inout Report) throws {
    let stage = try Stage()
    try stage.start()
    let get = [Programs.commandLine, "--socket", stage.socket, "get", "role-00000"]
    let curl = ["/usr/bin/curl", "--silent", "--unix-socket", stage.socket, "http://localhost\(Stage.request)"]
    func run(_ command: [String]) throws -> Double {
      median(try (0..<form.runs).map { _ in try Spawned(command).milliseconds })
    }
    let found = try interleaved([{ try run(get) }, { try run(["/bin/true"]) }, { try run(curl) }])
    report.add(
      "The command line", "From the start of the program to its end; medians of \(form.runs) runs a round.",
      [
        .compared("command-get-p50", "ms", found[0], with: found[1], beside: "/bin/true", target: .ratioAtMost(1.7)),
        .bounded("command-get-over-true", "ms", median(zip(found[0], found[1]).map { $0 - $1 }), atMost: 3),
        .compared("command-get-p50-curl", "ms", found[0], with: found[2], beside: "curl --unix-socket"),
      ])
  }
}

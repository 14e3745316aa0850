import Glibc
import Laboratory
import TestSupport

/// A thousand clients that have sent half a request, while others read.
extension Bench {
  private static let stalled = 1000

  func measureStalled(_ report: inout Report) throws {
    let stage = try Stage()
    try stage.start()
    var rows: [Row] = []
    var held = Self.stalled
    for (isNew, connections) in [(true, 1), (true, 16), (false, 16)].prefix(form.stalledLoads) {
      let load = Load(request: .get(Stage.request), connections: connections, makesNewConnections: isNew)
      var (with, without): ([LoadResult], [LoadResult]) = ([], [])
      for round in 0..<form.rounds {
        if round % 2 == 0 { without.append(try load.run(on: stage.socket, form)) }
        let stall = try Stall(Self.stalled, on: stage)
        with.append(try load.run(on: stage.socket, form))
        held = min(held, try stall.end())
        if round % 2 == 1 { without.append(try load.run(on: stage.socket, form)) }
      }
      let name = "stalled-1000-\(isNew ? "new-connection" : "keep-alive")-\(connections)"
      func row(_ figure: String, _ unit: String, _ target: Target?, _ value: (LoadResult) -> Double) -> Row {
        .compared(
          "\(name)-\(figure)", unit, with.map(value), with: without.map(value), beside: "without them",
          target: target)
      }
      rows += [
        row("p50", "us", .ratioAtMost(1.2), \.p50), row("p99", "us", .ratioAtMost(1.2), \.p99),
        row("rate", "1/s", nil, \.rate),
      ]
    }
    report.add(
      "With 1000 stalled clients",
      """
      Each has sent half a request and says no more; one that is cut after its 5 s connects again at once. At least \(held) were held \
      at any time, none was refused; max_connections and max_connections_per_uid are raised to \(Stage.ConnectionLimits.raisedTo).
      """, rows)
  }
}

/// Clients that stall, held by the load generator.
private final class Stall {
  private let directory: TemporaryDirectory
  private let child: ChildProcess

  init(_ count: Int, on stage: Stage) throws {
    directory = try TemporaryDirectory()
    let child = try ChildProcess([Programs.load, "--socket", stage.socket, "--stall", "\(count)"], in: directory)
    self.child = child
    try eventually("\(count) stalled clients are held") {
      if child.statusIfEnded != nil { throw BenchError("bench-load: \(child.errors)") }
      return child.output.contains("held \(count)")
    }
    let metrics = try stage.lab.daemon.get("/metrics").body
    guard Prometheus(metrics)["rolekeeper_connections"] ?? 0 >= Double(count) * 0.95 else {
      throw BenchError("the daemon doesn't hold the stalled clients")
    }
  }

  /// Ends them; how many were held at least. Throws when one was refused.
  func end() throws -> Int {
    child.stop()
    let figures = Figures(child.output)
    guard try figures["refused"] == 0 else {
      throw BenchError("\(try figures["refused"]) stalled clients were refused")
    }
    return Int(try figures["least"])
  }
}

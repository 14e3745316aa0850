import Laboratory
import TestSupport

/// Reads over the socket, beside a server that does nothing else.
extension Bench {
  private static let connections = [1, 16, 256]
  /// Below the 64 that one user may have by default.
  private static let connectionsAtStandardLimits = [1, 16, 48]

  func measureSocket(_ report: inout Report) throws {
    let stage = try Stage()
    try stage.start()
    let bare = try stage.startBareServer()
    let daemon = stage.lab.daemon.child.pid
    for placement in Placement.possible {
      try placement.place(daemon)
      try placement.place(bare.child.pid)
      let rows = try measureReads(of: stage, beside: bare, connections: Self.connections, placement)
      report.add("GET credentials, \(Self.text(placement))", Self.remark(placement), rows)
    }
    report.add(
      "CPU of the server for a request", "User and system time, 16 connections.",
      try requestCost(stage, bare))
    try measureSocketAtStandardLimits(&report)
  }

  /// A refusal is an answer that isn't 200, with which the load generator's run fails: clients that have closed their connections mustn't
  /// count, or those that make one for each request are refused long before they have 64 open.
  private func measureSocketAtStandardLimits(_ report: inout Report) throws {
    let stage = try Stage(limits: .standard)
    try stage.start()
    let bare = try stage.startBareServer()
    let rows = try measureReads(
      of: stage, beside: bare, connections: Self.connectionsAtStandardLimits, .free, suffix: "-standard-limits")
    report.add(
      "GET credentials at the default limits",
      "1024 connections in all, 64 of one user. No answer was a refusal: the benchmark ends with the first.", rows)
  }

  private func measureReads(
    of stage: Stage, beside bare: BareServer, connections: [Int], _ placement: Placement, suffix: String = ""
  ) throws -> [Row] {
    try [true, false].flatMap { isNew in
      try connections.flatMap { connections in
        let load = Load(
          request: .get(Stage.request), connections: connections, makesNewConnections: isNew, placement: placement)
        let found = try interleaved([
          { try load.run(on: stage.socket, form) }, { try load.run(on: bare.socket, form) },
        ])
        return Self.rows(load, found[0], found[1], suffix: suffix)
      }
    }
  }

  private static func text(_ placement: Placement) -> String {
    switch placement {
    case .free: "unpinned"
    case .oneCore: "client and server on one core"
    case .twoCores: "client and server on a core each"
    }
  }

  private static func remark(_ placement: Placement) -> String {
    guard placement == .free else { return "" }
    return """
      Beside a bare epoll server in C that asks SO_PEERCRED and sends the same bytes. One request under way on each connection; \
      10 roles, max_connections and max_connections_per_uid raised to \(Stage.ConnectionLimits.raisedTo).
      """
  }

  private static func rows(
    _ load: Load, _ ours: [LoadResult], _ bare: [LoadResult], suffix: String
  ) -> [Row] {
    let kind = load.makesNewConnections ? "new-connection" : "keep-alive"
    let name = "get-\(kind)-\(load.connections)"
    // The design's bounds are for a machine's usual scheduling.
    let isBound = load.placement == .free
    let areFew = load.connections <= 16
    let latency = load.makesNewConnections ? Target.ratioAtMost(1.1) : nil
    let rate = Target.ratioAtLeast(load.makesNewConnections ? (areFew ? 0.92 : 0.90) : (areFew ? 0.90 : 0.88))
    func row(_ figure: String, _ unit: String, _ target: Target?, _ value: (LoadResult) -> Double) -> Row {
      .compared(
        "\(name)-\(figure)\(load.placement.suffix)\(suffix)", unit, ours.map(value), with: bare.map(value),
        beside: "bare C",
        target: target)
    }
    return [
      row("p50", "us", isBound ? latency : nil, \.p50), row("p99", "us", nil, \.p99),
      row("rate", "1/s", isBound ? rate : nil, \.rate),
    ]
  }

  private func requestCost(_ stage: Stage, _ bare: BareServer) throws -> [Row] {
    try Placement.free.place(stage.lab.daemon.child.pid)
    try Placement.free.place(bare.child.pid)
    return try [true, false].map { isNew in
      let load = Load(request: .get(Stage.request), connections: 16, makesNewConnections: isNew)
      // Without warm-up, since its CPU time can't be separated.
      var form = form
      (form.seconds, form.warmUp) = (form.seconds * 2, 0)
      func cost(_ socket: String, _ pid: Int32) throws -> Double {
        let before = try cpuSeconds(pid)
        let result = try load.run(on: socket, form)
        return (try cpuSeconds(pid) - before) * 1e6 / Double(result.requests)
      }
      let found = try interleaved([
        { try cost(stage.socket, stage.lab.daemon.child.pid) }, { try cost(bare.socket, bare.child.pid) },
      ])
      return .compared(
        "cpu-per-request-\(isNew ? "new-connection" : "keep-alive")", "us", found[0], with: found[1],
        beside: "bare C", target: isNew ? nil : .ratioAtMost(1.2, orOver: 0.5))
    }
  }
}

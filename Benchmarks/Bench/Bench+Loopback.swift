import Laboratory
import TestSupport

/// Reads at the loopback URI, beside a server at another port that asks nobody who calls.
extension Bench {
  func measureLoopback(_ report: inout Report) throws {
    let stage = try Stage()
    let port = TCPSocket.freePort()
    stage.lab.draft.loopback = ["127.0.0.1:\(port)"]
    try stage.lab.writeSettings()
    try stage.start()
    let bare = try stage.startBareServer(atPort: TCPSocket.freePort())
    let rows = try [false, true].flatMap { isNew in
      let load = Load(
        request: .get("/\(Stage.name(0))"), connections: 16, makesNewConnections: isNew)
      let found = try interleaved([
        { try load.run(on: "\(port)", form) }, { try load.run(on: bare.socket, form) },
      ])
      return Self.rows(isNew ? "new-connection" : "keep-alive", found[0], found[1], isBound: isNew)
    }
    report.add(
      "GET at the loopback URI",
      """
      16 clients, each with one request under way. Beside a bare epoll server in C at another port of 127.0.0.1, which asks nobody \
      who calls; the daemon asks the kernel for each answer. Clients close with a reset.
      """, rows)
  }

  private static func rows(_ kind: String, _ ours: [LoadResult], _ bare: [LoadResult], isBound: Bool) -> [Row] {
    [
      .compared(
        "loopback-\(kind)-16-rate", "1/s", ours.map(\.rate), with: bare.map(\.rate), beside: "bare C",
        target: isBound ? .ratioAtLeast(0.6) : nil),
      .compared("loopback-\(kind)-16-p50", "us", ours.map(\.p50), with: bare.map(\.p50), beside: "bare C", target: nil),
    ]
  }
}

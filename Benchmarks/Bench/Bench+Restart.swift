import Glibc
import Laboratory
import TestSupport

/// A restart in which the socket and the sessions outlive the process.
extension Bench {
  private static let readers = 20

  func measureRestart(_ report: inout Report) throws {
    let few = try RestartStage(roles: 10)
    let many = try RestartStage(roles: 10_000)
    try report.add(
      "Restart",
      """
      The socket and the store of sessions are held by the process that starts the daemon, as systemd holds them; each start is by a \
      shell, which costs some 1 ms. A start is measured from there to the answer that a client gets which has asked before. The longest \
      gap is the longest that a client waits which asks again and again on new connections while `systemctl restart` is at work, in a \
      throwaway system with the unit as it is installed, beside a bare server in C with a socket unit: once with the same sandbox and a \
      program after its end, which systemd needs most of the time for, and once with neither; the median of \(form.restarts) restarts.
      """,
      [
        .bounded("restart-first-answer-10", "ms", firstAnswer(few, form.starts), atMost: 20),
        .bounded("restart-first-answer-10000", "ms", firstAnswer(many, max(3, form.starts / 3)), atMost: 120),
        .bounded("restart-refused-reads", "reads", refusedReads(few), atMost: 0),
      ] + gaps())
    let size = try many.storeSize()
    let rotation = try handoverTime()
    report.add(
      "Hand-over",
      """
      What the store of 10,000 roles with two sessions each takes of memory, and of the loop where 100 roles are rotated a second, which \
      is as many as STS allows: CPU time of 10,000 rotations with a service manager less the same without.
      """,
      [
        .bounded("handover-memory", "MB", size / 1_000_000, atMost: 30),
        .bounded("handover-loop-time", "ms/s", rotation * 100, atMost: 5),
      ])
  }

  private func firstAnswer(_ stage: RestartStage, _ starts: Int) throws -> Double {
    try median((0..<starts).map { _ in try stage.timedStart() })
  }

  /// Of all restarts together.
  private func refusedReads(_ stage: RestartStage) throws -> Double {
    let load = try AskingClients(Self.readers, at: stage.socket)
    for _ in 0..<form.restarts {
      try stage.restart()
      try stage.settle()
    }
    let result = try load.end()
    guard result["requests", default: 0] > Double(form.restarts * Self.readers) else {
      throw BenchError("the readers didn't read")
    }
    return result["errors", default: .nan]
  }

  /// How long a client waits at most that asks while systemd restarts the daemon, and the same of bare servers.
  private func gaps() throws -> [Row] {
    let host = try RestartHost()
    let gaps = try interleaved(
      rounds: form.restarts,
      [
        { try host.longestWait(at: RestartHost.daemonSocket, restarting: "rolekeeper.service", mayFail: false) },
        { try host.longestWait(at: "/run/confined.sock", restarting: "confined.service", mayFail: true) },
        { try host.longestWait(at: "/run/bare.sock", restarting: "bare.service", mayFail: true) },
      ])
    return [
      .compared(
        "restart-longest-gap", "ms", gaps[0], with: gaps[1], beside: "bare C, confined as we are",
        target: .ratioAtMost(2)),
      .compared(
        "restart-longest-gap-unconfined", "ms", gaps[0], with: gaps[2], beside: "bare C, in no sandbox",
        target: .ratioAtMost(2)),
    ]
  }

  /// CPU time of a rotation that goes into the store, in ms.
  private func handoverTime() throws -> Double {
    let count = 10_000
    func rotations(_ wrapper: [String]) throws -> Double {
      let stage = try Stage(roles: count)
      try stage.startUnwatched(wrapper: wrapper)
      try stage.fillPools()
      let before = try (cpuSeconds(stage.lab.daemon.child.pid), stage.lab.emulator.draws(result: "OK"))
      try stage.refreshAll()
      try stage.awaitDraws(before.1 + count)
      sleep(1)
      return try cpuSeconds(stage.lab.daemon.child.pid) - before.0
    }
    let found = try interleaved(
      rounds: max(1, form.rounds / 3),
      [{ try rotations([]) }, { try rotations(["/usr/bin/env", "-u", "NOTIFY_SOCKET"]) }])
    return median(zip(found[0], found[1]).map { max(0, $0 - $1) }) * 1000 / Double(count)
  }
}

/// Clients that ask again and again, each time on a connection of its own, until they are stopped.
private final class AskingClients {
  private let directory: TemporaryDirectory
  private let child: ChildProcess

  init(_ count: Int, at socket: String) throws {
    directory = try TemporaryDirectory()
    child = try ChildProcess(
      [
        Programs.load, "--socket", socket, "--get", Stage.request, "--new", "--connections", "\(count)",
        "--seconds", "600",
      ], in: directory, named: "clients")
    // Until they are under way.
    usleep(100_000)
  }

  /// The figures that the load generator prints, by their names.
  func end() throws -> [String: Double] {
    guard child.stop() == 0 else { throw BenchError("the load generator ended badly: \(child.errors)") }
    var figures: [String: Double] = [:]
    for line in child.output.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2 { figures[String(words[0])] = Double(words[1]) }
    }
    return figures
  }
}

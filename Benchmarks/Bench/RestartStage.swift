import Glibc
import Laboratory
import TestSupport

/// The daemon between two processes as systemd has it: the socket is held, and so is what one process leaves to the next.
final class RestartStage {
  let stage: Stage
  /// It listens, and one process after the other inherits it.
  private let held: ListeningSocket
  private var daemon: DaemonProcess!
  private var starts = 0
  private var isReady = false
  /// The names of what the process was handed.
  private var inherited: [String] = []

  init(roles: Int) throws {
    stage = try Stage(roles: roles)
    held = try ListeningSocket(stage.socket, queue: SOMAXCONN)
    try launch(with: [])
    try settle()
    try stage.fillPools()
    try settle()
  }

  var socket: String { stage.socket }

  func restart() throws { try launch(with: end()) }

  func settle() throws {
    if !isReady { try daemon.notify.wait(for: "READY=1", seconds: 120) }
    isReady = true
    try eventually("the store is handed over", within: 120) {
      // Its own, and no longer that of the process before.
      let names = daemon.notify.storedNames
      return !names.isEmpty && !names.contains(where: inherited.contains)
    }
  }

  /// How long the next process takes until it answers a client that waits for it already, in ms.
  func timedStart() throws -> Double {
    let stored = try end()
    let client = try StreamConnection(unix: socket)
    try client.request("GET", Stage.request)
    let started = ContinuousClock.now
    try launch(with: stored)
    let reply = try client.readReply()
    let taken = ContinuousClock.now - started
    guard reply.status == 200 else { throw BenchError("the first answer is \(reply.status): \(daemon.log)") }
    try settle()
    return taken / .milliseconds(1)
  }

  /// How much memory the store takes, in bytes.
  func storeSize() throws -> Double {
    var status = stat()
    let stored = daemon.notify.takeStored()
    defer { for one in stored { close(one.descriptor) } }
    guard let store = stored.first, fstat(store.descriptor, &status) == 0 else { throw BenchError("there is no store") }
    return Double(status.st_blocks) * 512
  }

  private func end() throws -> [(name: String, descriptor: CInt)] {
    daemon.child.signal(SIGTERM)
    guard daemon.child.wait() == 0 else { throw BenchError("the daemon ended badly: \(daemon.log)") }
    return daemon.notify.takeStored()
  }

  private func launch(with stored: [(name: String, descriptor: CInt)]) throws {
    starts += 1
    isReady = false
    inherited = stored.map(\.name)
    daemon = try DaemonProcess(
      configPath: stage.lab.configPath, socketPath: socket, in: stage.lab.directory, named: "restarted-\(starts)",
      listeners: [("rolekeeper.socket", held.descriptor)], stored: stored)
  }
}

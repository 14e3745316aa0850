import Glibc
import Laboratory
import TestSupport

/// A daemon and an emulator for as long as asked, under faults, reloads and restarts chosen by a seed, and twenty readers who use
/// whatever they get, while a file is uploaded.
struct Soak {
  private static let usage = "usage: soak [--seconds N] [--seed N]"
  /// Seconds after which start-up is over and memory is looked at first.
  private static let settling = 5.0
  private static let reportInterval = 60.0

  private let seconds: Double
  private let seed: UInt64

  /// Runs as the command line wants it; the exit status: 0 good, 1 not, 2 wrong usage, 130 interrupted though good so far.
  static func main(_ arguments: [String]) -> CInt {
    var seconds = 60.0
    var seed = UInt64.random(in: 1...999_999)
    var words = arguments.dropFirst()
    while let word = words.popFirst() {
      switch (word, words.popFirst()) {
      case ("--seconds", .some(let value)): seconds = Double(value) ?? -1
      case ("--seed", .some(let value)): seed = UInt64(value) ?? 0
      default: seconds = -1
      }
    }
    guard (10...1_000_000).contains(seconds), seed > 0 else {
      Console.report(usage)
      return 2
    }
    do {
      return try Soak(seconds: seconds, seed: seed).run()
    } catch {
      Console.report("soak: \(error)")
      return 1
    }
  }

  private func run() throws -> CInt {
    Console.print(
      "soak: \(Int(seconds)) s, seed \(seed), \(RoleSet.served.count) roles, \(Readers.count) readers, one upload")
    let lab = try Lab(RoleSet.realm, wrapper: Interruption.wrapper, hasStorage: true) { draft in
      draft.roles = RoleSet.served.map(RoleSet.settings)
      draft.sts = "requests_per_second = 100\nburst = 100\ntimeout = \"3s\""
    }
    try lab.start(wrapper: Interruption.wrapper)
    let checker = try Checker(lab)
    let stage = Stage(
      socketPath: lab.draft.socketPath, filesDirectory: lab.draft.directory, checkerPath: checker.path)
    let readers = try Readers.start(on: stage, seed: seed)
    var chaosDriver = ChaosDriver(lab, stage, seed: seed, seconds: seconds)
    var upload = try LongUpload(lab, seed: seed, seconds: seconds)
    var report = Report(seed: seed)
    do {
      try spend(seconds, with: &chaosDriver, &upload, &report)
      if !report.isInterrupted { try upload.finish(into: &report) }
    } catch {
      report.failure = "\(error)"
    }
    report.elapsed = chaosDriver.elapsed
    stage.stopFlag.raise()
    // Those who wait for an event wait for the daemon's end. Figures that can't be had are missed by the report.
    try? chaosDriver.end(into: &report)
    for reader in readers { reader.join() }
    checker.stop()
    report.findings = stage.findings.count
    report.show()
    if !report.isGood { Console.report("soak: the daemon's log ends so:\n\(lab.daemon.log.suffix(6000))") }
    return report.isGood ? (report.isInterrupted ? 130 : 0) : 1
  }

  private func spend(
    _ seconds: Double, with chaosDriver: inout ChaosDriver, _ upload: inout LongUpload, _ report: inout Report
  ) throws {
    var nextReport = Self.reportInterval
    while chaosDriver.elapsed < seconds {
      if Interruption.came(within: 100) {
        report.isInterrupted = true
        return
      }
      try chaosDriver.step()
      try upload.step(at: chaosDriver.elapsed)
      if report.start == nil, chaosDriver.elapsed >= min(Self.settling, seconds / 4) {
        report.start = try DaemonFigures(chaosDriver.daemon)
      }
      if chaosDriver.elapsed >= nextReport {
        nextReport += Self.reportInterval
        Console.print("soak: \(chaosDriver.progress), \(upload.progress)")
      }
    }
  }
}

/// The program that uses what readers get.
final class Checker {
  let path: String
  private let child: ChildProcess

  init(_ lab: Lab) throws {
    path = lab.directory.path("checker.sock")
    let script = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    child = try ChildProcess(
      Interruption.wrapper + [
        "/usr/bin/python3", "/\(script)/checker.py", "--listen", path, "--sts", lab.emulator.endpoint, "--ca",
        lab.emulator.authorityPath,
      ], in: lab.directory, named: "checker")
    try eventually("the checker listens") {
      if let status = child.statusIfEnded {
        throw ProgramEnded(name: "checker", status: status, errors: child.errors)
      }
      return child.output.contains("listening")
    }
  }

  func stop() { child.stop() }
}

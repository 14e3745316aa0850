import Glibc
import Laboratory
import TestSupport

extension Programs {
  static var load: String { "\(directory)/bench-load" }
  static var bareServer: String { "\(directory)/bare-server" }
  static var bareRefresher: String { "\(directory)/bare-refresher" }
}

/// Who runs where.
enum Placement: String, CaseIterable {
  case free = ""
  /// Client and server on the first core.
  case oneCore = "one-core"
  /// The server on the first, the client on the second.
  case twoCores = "two-cores"

  var suffix: String { self == .free ? "" : "-\(rawValue)" }
  var serverCores: String {
    switch self {
    case .free: "0-\(sysconf(CInt(_SC_NPROCESSORS_ONLN)) - 1)"
    case .oneCore, .twoCores: "0"
    }
  }
  var clientCores: String? {
    switch self {
    case .free: nil
    case .oneCore: "0"
    case .twoCores: "1"
    }
  }

  /// The placements that this machine has the cores for.
  static var possible: [Placement] { sysconf(CInt(_SC_NPROCESSORS_ONLN)) > 1 ? allCases : [.free, .oneCore] }

  func place(_ pid: Int32) throws {
    let result = try ChildProcess.run(["/usr/bin/taskset", "-a", "-p", "-c", serverCores, "\(pid)"])
    guard result.status == 0 else { throw BenchError("taskset: \(result.errors)") }
  }
}

/// The load generator's task.
struct Load {
  enum Request {
    case get(String)
    /// Bytes in hexadecimal, and how the replies to them end (`length32`, `close`).
    case raw(String, framing: String)
  }

  var request: Request
  var connections = 1
  var makesNewConnections = false
  var placement = Placement.free
  /// In µs between the starts of two requests; nil: each follows the reply before.
  var pace: Double?
  /// Nil for connections without TLS.
  var tls: TLS?

  /// What a client of nginx has.
  struct TLS {
    let identity: HostAuthority.Identity
    /// The authority that the server's certificate is of.
    let authority: String
  }

  func arguments(_ socket: String, _ seconds: Double, _ warmUp: Double) -> [String] {
    var words = [Programs.load, "--socket", socket, "--seconds", "\(seconds)", "--warm-up", "\(warmUp)"]
    words += ["--connections", "\(connections)"]
    if makesNewConnections { words.append("--new") }
    if let cores = placement.clientCores { words += ["--cpus", cores] }
    if let pace { words += ["--pace", "\(pace)"] }
    if let tls {
      words += ["--certificate", tls.identity.certificate, "--key", tls.identity.key, "--authority", tls.authority]
    }
    switch request {
    case .get(let target): words += ["--get", target]
    case .raw(let bytes, let framing): words += ["--hex", bytes, "--framing", framing]
    }
    return words
  }

  /// Puts load on `socket` and throws when a single reply was bad.
  func run(on socket: String, _ form: Form) throws -> LoadResult {
    let result = try ChildProcess.run(arguments(socket, form.seconds, form.warmUp))
    guard result.status == 0 else { throw BenchError("bench-load: \(result.errors)") }
    let read = try LoadResult(result.output)
    guard read.errors == 0, read.requests > 0 else {
      throw BenchError("\(read.errors) bad replies, \(read.requests) good ones from '\(socket)'")
    }
    return read
  }
}

/// A reader that asks by the clock, on a new connection each time, until it is ended.
final class PacedReader {
  private let directory: TemporaryDirectory
  private let child: ChildProcess

  init(at socket: String, everyMicroseconds pace: Double, warmUp: Double = 0) throws {
    let load = Load(request: .get(Stage.request), makesNewConnections: true, pace: pace)
    directory = try TemporaryDirectory()
    child = try ChildProcess(load.arguments(socket, 600, warmUp), in: directory)
  }

  /// What it found; throws when a single reply was bad.
  func end() throws -> LoadResult {
    guard child.stop() == 0 else { throw BenchError("bench-load: \(child.errors)") }
    let result = try LoadResult(child.output)
    guard result.errors == 0, result.requests > 0 else {
      throw BenchError("\(result.errors) bad replies to a reader, \(result.requests) good ones")
    }
    return result
  }
}

/// What the load generator found; times in µs, the rate per second.
struct LoadResult {
  let requests: Int
  let errors: Int
  let seconds: Double
  let rate: Double
  let p50: Double
  let p99: Double
  let longest: Double

  init(_ output: String) throws {
    let values = Figures(output)
    requests = Int(try values["requests"])
    errors = Int(try values["errors"])
    seconds = try values["seconds"]
    rate = try values["rate"]
    p50 = try values["p50"]
    p99 = try values["p99"]
    longest = try values["max"]
  }
}

/// Lines of a name and a number.
struct Figures {
  private var values: [Substring: Double] = [:]

  init(_ text: String) {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, let value = Double(words[1]) { values[words[0]] = value }
    }
  }

  subscript(_ name: String) -> Double {
    get throws {
      guard let value = values[name[...]] else { throw BenchError("a program didn't say '\(name)'") }
      return value
    }
  }
}

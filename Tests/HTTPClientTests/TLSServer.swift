import Glibc
import TestSupport

/// The server of `serverScript`, as a process that ends with this one.
final class TLSServer: Sendable {
  /// For all tests that don't count its requests.
  static let shared = Result { try TLSServer() }

  let directory: TemporaryDirectory
  private let ports: [String: Int]
  /// The server runs until this is closed.
  private let input: CInt
  private let process: pid_t

  var caFile: String { directory.path("authority.pem") }

  /// The URL of `path` at the port whose certificate (or behaviour) is called `name`.
  func url(_ path: String, at name: String = "good") -> String { "https://127.0.0.1:\(ports[name]!)\(path)" }

  init() throws {
    directory = try TemporaryDirectory()
    let script = try directory.write(serverScript, to: "server.py")
    var inputs: [CInt] = [0, 0]
    var outputs: [CInt] = [0, 0]
    pipe(&inputs)
    pipe(&outputs)
    for descriptor in inputs + outputs { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    input = inputs[1]
    let spawned = Self.spawn(["python3", "-I", script, directory.path], input: inputs[0], output: outputs[1])
    process = spawned ?? 0
    close(inputs[0])
    close(outputs[1])
    defer { close(outputs[0]) }
    guard spawned != nil, let line = Self.readLine(outputs[0]) else { throw ServerError() }
    let pairs = line.split(separator: " ").map { $0.split(separator: "=") }
    ports = Dictionary(uniqueKeysWithValues: pairs.map { (String($0[0]), Int($0[1])!) })
  }

  deinit {
    close(input)
    if process > 0 { waitpid(process, nil, 0) }
  }

  private static func spawn(_ arguments: [String], input: CInt, output: CInt) -> pid_t? {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    var words = arguments.map { strdup($0) } + [nil]
    defer { words.forEach { free($0) } }
    var process: pid_t = 0
    return posix_spawnp(&process, arguments[0], &actions, nil, &words, environ) == 0 ? process : nil
  }

  /// One line without its end; nil if the other side closes first.
  private static func readLine(_ descriptor: CInt) -> String? {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while read(descriptor, &byte, 1) == 1 {
      if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
    return nil
  }
}

struct ServerError: Error, CustomStringConvertible {
  var description: String { "the TLS server didn't start: python3 and the openssl command are needed" }
}

import Glibc
import Secrets

/// One connection to the daemon's socket; closed with the value.
final class LocalConnection {
  struct Head {
    let status: Int
    let fields: [String: String]

    var contentLength: Int? { fields["content-length"].flatMap { Int($0) } }
  }

  private static let longestHead = 16_384

  private let descriptor: CInt
  private let path: String
  private var patienceSeconds: Int
  private var pending: [UInt8] = []

  init(path: String, patienceSeconds: Int) throws(LocalClientError) {
    self.path = path
    self.patienceSeconds = patienceSeconds
    descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .failed(path: path, errno: errno) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw .pathTooLong(path) }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    setPatience(patienceSeconds)
    let connected = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard connected == 0 else { throw Self.connectError(path, errno) }
  }

  deinit { close(descriptor) }

  func setPatience(_ seconds: Int) {
    patienceSeconds = seconds
    var limit = timeval(tv_sec: max(1, seconds), tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  func send(_ text: String) throws(LocalClientError) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
      // The daemon may refuse, answer and close before it has read all: its answer says why.
      if count < 0 && (errno == EPIPE || errno == ECONNRESET) { return }
      guard count > 0 else { throw error(errno) }
      rest = rest.dropFirst(count)
    }
  }

  /// Reads up to the blank line. What came of the body with it is wiped when it has been handed on.
  func readHead() throws(LocalClientError) -> Head {
    let end: [UInt8] = [13, 10, 13, 10]
    while true {
      if let range = pending.firstRange(of: end) {
        let text = String(decoding: pending[..<range.lowerBound], as: UTF8.self)
        dropPending(range.upperBound)
        guard let head = Self.parse(text) else { throw .malformed(path: path) }
        return head
      }
      guard pending.count <= Self.longestHead, try fill() else { throw .malformed(path: path) }
    }
  }

  /// Reads `length` bytes, or to the end of the connection when that is nil.
  func readBody(length: Int?, into body: inout SecretBuffer) throws(LocalClientError) {
    while length.map({ body.count < $0 }) ?? true {
      if pending.isEmpty, try !fill() {
        guard length == nil else { throw .malformed(path: path) }
        return
      }
      let count = min(pending.count, length.map { $0 - body.count } ?? pending.count)
      pending.withUnsafeBufferPointer { body.append($0.extracting(0..<count).span) }
      dropPending(count)
    }
  }

  /// Reads one line without its end; nil at the end of the connection.
  func readLine() throws(LocalClientError) -> String? {
    while true {
      if let end = pending.firstIndex(of: 10) {
        defer { dropPending(end + 1) }
        return String(decoding: pending[..<end], as: UTF8.self)
      }
      guard try fill() else { return nil }
    }
  }

  /// Appends what arrives; false at the end of the connection.
  private func fill() throws(LocalClientError) -> Bool {
    // Room first, so that growing leaves no copy of a secret behind.
    let room = 65_536
    if pending.capacity < room { pending.reserveCapacity(room) }
    var chunk = [UInt8](repeating: 0, count: 16_384)
    let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
    guard count >= 0 else { throw error(errno) }
    pending += chunk[0..<count]
    chunk.withUnsafeMutableBytes { bytes in explicit_bzero(bytes.baseAddress!, bytes.count) }
    return count > 0
  }

  private func dropPending(_ count: Int) {
    let kept = pending.count - count
    for index in 0..<kept { pending[index] = pending[index + count] }
    pending.withUnsafeMutableBytes { explicit_bzero($0.baseAddress! + kept, $0.count - kept) }
    pending.removeLast(count)
  }

  private func error(_ number: Int32) -> LocalClientError {
    number == EAGAIN ? .silent(path: path, seconds: patienceSeconds) : .failed(path: path, errno: number)
  }

  private static func connectError(_ path: String, _ number: Int32) -> LocalClientError {
    switch number {
    case ENOENT, ECONNREFUSED, ENOTDIR: .notRunning(path)
    case EACCES, EPERM: .notAllowed(path)
    default: .failed(path: path, errno: number)
    }
  }

  private static func parse(_ text: String) -> Head? {
    var lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
    let words = lines.removeFirst().split(separator: " ", maxSplits: 2)
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { return nil }
    var fields: [String: String] = [:]
    for line in lines {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      fields[line[..<colon].lowercased()] = String(value)
    }
    return Head(status: status, fields: fields)
  }
}

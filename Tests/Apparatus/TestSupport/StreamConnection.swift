import Glibc

/// An HTTP answer as a client reads it.
package struct HTTPReply {
  package let status: Int
  /// Header fields by lower-case name.
  package let fields: [String: String]
  package let body: String

  package init(status: Int, fields: [String: String], body: String) {
    self.status = status
    self.fields = fields
    self.body = body
  }
}

/// A client's end of a stream socket that sends whatever a test wants sent; closed with the value.
package final class StreamConnection {
  package let descriptor: CInt
  private var pending: [UInt8] = []

  package init(unix path: String, patienceSeconds: Int = 20) throws {
    descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    setPatience(patienceSeconds)
    let result = try UnixAddress(path: path).connect(descriptor)
    guard result == 0 else { throw StreamError(attempt: "connect to '\(path)'", number: errno) }
  }

  /// Connects to 127.0.0.1.
  package init(port: UInt16, patienceSeconds: Int = 20) throws {
    descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    setPatience(patienceSeconds)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    guard result == 0 else { throw StreamError(attempt: "connect to port \(port)", number: errno) }
  }

  /// Takes over a connected socket.
  package init(taking descriptor: CInt, patienceSeconds: Int = 20) {
    self.descriptor = descriptor
    setPatience(patienceSeconds)
  }

  deinit { close(descriptor) }

  /// How long a read or write may take.
  package func setPatience(_ seconds: Int) {
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  package func send(_ text: String) throws {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
      guard count > 0 else { throw StreamError(attempt: "send", number: errno) }
      rest = rest.dropFirst(count)
    }
  }

  /// Sends a request without a body; the connection stays.
  package func request(_ method: String, _ target: String) throws {
    try send("\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n")
  }

  /// Reads an answer's head, and its body if it has a Content-Length.
  package func readReply() throws -> HTTPReply {
    var lines: [String] = []
    while true {
      guard let line = try readLine() else { throw StreamError(attempt: "read an answer's head", number: ECONNRESET) }
      if line.isEmpty { break }
      lines.append(line)
    }
    let words = (lines.first ?? "").split(separator: " ")
    guard words.count >= 2, let status = Int(words[1]) else { throw StreamError(attempt: "read HTTP", number: EPROTO) }
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      fields[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
    }
    let length = fields["content-length"].flatMap { Int($0) } ?? 0
    while pending.count < length, try fill() {}
    defer { pending.removeFirst(min(length, pending.count)) }
    return HTTPReply(
      status: status, fields: fields, body: String(decoding: pending.prefix(length), as: UTF8.self))
  }

  /// The next line without its end; nil at the end of the connection.
  package func readLine() throws -> String? {
    while true {
      if let end = pending.firstIndex(of: 10) {
        defer { pending.removeFirst(end + 1) }
        return String(decoding: pending[..<end].filter { $0 != 13 }, as: UTF8.self)
      }
      guard try fill() else { return nil }
    }
  }

  /// Waits for the other end to close, reading what it still sends.
  package func awaitEnd() throws { while try fill() {} }

  private func fill() throws -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
    if count < 0 && errno == ECONNRESET { return false }
    guard count >= 0 else { throw StreamError(attempt: "read", number: errno) }
    pending += chunk[0..<count]
    return count > 0
  }
}

package struct StreamError: Error, CustomStringConvertible {
  package let attempt: String
  package let number: CInt

  package init(attempt: String, number: CInt) {
    self.attempt = attempt
    self.number = number
  }

  package var description: String { "cannot \(attempt): \(String(cString: strerror(number)))" }
}

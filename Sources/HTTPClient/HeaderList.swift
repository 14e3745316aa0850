import CCurl
import Core
import Glibc
import Secrets

/// The headers of one request in the form that libcurl reads (CURLOPT_HTTPHEADER(3)): a list whose texts are in one block, both
/// reused by the next request. The old content is overwritten, since it includes a signature or a token.
struct HeaderList: ~Copyable {
  /// Header names without a value, which keep libcurl from adding headers that aren't signed.
  private static let expect: StaticString = "Expect:"
  private static let contentType: StaticString = "Content-Type:"

  private var room: UnsafeMutablePointer<CChar>
  private var capacity = 2048
  private var end = 0
  private var nodes: UnsafeMutablePointer<curl_slist>
  private var nodeCapacity = 24

  init() {
    room = .allocate(capacity: capacity)
    nodes = .allocate(capacity: nodeCapacity)
  }

  deinit {
    ccurl_wipe(room, end)
    room.deallocate()
    nodes.deallocate()
  }

  /// Sets a request's headers; returns the list, which is valid until the next change. Nil if a header contains a zero byte, which
  /// would split it.
  mutating func set(
    _ lines: TextLines, _ secrets: [(name: String, value: Secret)]
  ) -> UnsafeMutablePointer<curl_slist>? {
    wipe()
    reserve(
      secrets.reduce(lines.bytes.count) { $0 + $1.name.utf8.count + $1.value.count + 3 },
      lines: lines.count + secrets.count + 2)
    lines.bytes.withUnsafeBytes { append($0) }
    for secret in secrets {
      var line = SecretBuffer(capacity: secret.name.utf8.count + secret.value.count + 3)
      line.append(secret.name)
      line.append(": ")
      line.append(secret.value)
      line.append(0)
      line.withBytes { bytes in bytes.withUnsafeBytes { append($0) } }
    }
    return link(lines.count + secrets.count)
  }

  /// Overwrites the headers; libcurl mustn't read them any more.
  mutating func wipe() {
    ccurl_wipe(room, end)
    end = 0
  }

  private mutating func reserve(_ bytes: Int, lines: Int) {
    if bytes > capacity {
      room.deallocate()
      capacity = bytes
      room = .allocate(capacity: capacity)
    }
    if lines > nodeCapacity {
      nodes.deallocate()
      nodeCapacity = lines
      nodes = .allocate(capacity: nodeCapacity)
    }
  }

  private mutating func append(_ bytes: UnsafeRawBufferPointer) {
    if let start = bytes.baseAddress {
      UnsafeMutableRawPointer(room + end).copyMemory(from: start, byteCount: bytes.count)
    }
    end += bytes.count
  }

  private func link(_ count: Int) -> UnsafeMutablePointer<curl_slist>? {
    var line = room
    var hasContentType = false
    for place in 0..<count {
      (nodes + place).initialize(to: curl_slist(data: line, next: nodes + place + 1))
      if line.pointee | 0x20 == CChar(bitPattern: UInt8(ascii: "c")) {
        hasContentType =
          hasContentType || strncasecmp(line, text(Self.contentType), Self.contentType.utf8CodeUnitCount) == 0
      }
      line += strlen(line) + 1
    }
    guard line == room + end else { return nil }
    let last = nodes + count
    last.initialize(to: curl_slist(data: text(Self.expect), next: hasContentType ? nil : last + 1))
    if !hasContentType { (last + 1).initialize(to: curl_slist(data: text(Self.contentType), next: nil)) }
    return nodes
  }

  /// libcurl only reads it.
  private func text(_ line: StaticString) -> UnsafeMutablePointer<CChar> {
    UnsafeMutablePointer(mutating: UnsafeRawPointer(line.utf8Start).assumingMemoryBound(to: CChar.self))
  }
}

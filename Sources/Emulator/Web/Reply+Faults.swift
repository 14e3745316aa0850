extension Reply {
  /// Changes a finished answer by the faults that don't affect the operation, and sets its date.
  mutating func bend(by faults: [Fault.Kind], at now: WallTime) {
    var date: String? = now.httpDate
    for fault in faults {
      switch fault {
      case .delay(let milliseconds): delayMilliseconds += milliseconds
      case .drop: manner = .brokenOff
      case .date(let offset): date = now.advanced(bySeconds: offset).httpDate
      case .dateText(let text): date = text
      case .oversize(let bytes):
        answer.body += Array(repeating: UInt8(ascii: " "), count: max(0, bytes - answer.body.count))
      case .dribble(let milliseconds): manner = .dribbled(milliseconds: milliseconds)
      case .header(let name, let value): answer.headers.replace(name, with: value)
      case .garbage(.half): answer.body.removeLast(answer.body.count - answer.body.count / 2)
      case .garbage(.type): answer.headers.replace("Content-Type", with: "image/png")
      case .garbage(.http): manner = .raw(Array("220 mail.example ESMTP\r\n".utf8), belowTLS: false)
      case .garbage(.tls): manner = .raw(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), belowTLS: true)
      case .lostAnswer: manner = .refused
      default: continue
      }
    }
    if faults.contains(.gzip) {
      answer.body = Gzip.stored(answer.body)
      answer.headers.replace("Content-Encoding", with: "gzip")
    }
    if let date { answer.headers.append(.init(name: "Date", value: date)) }
  }
}

extension Answer {
  /// A page as a proxy on the way would send.
  static func proxyPage(status: Int) -> Answer {
    let page = "<html><head><title>Proxy</title></head><body><h1>Please sign in</h1></body></html>\n"
    return Answer(
      status: status, headers: [.init(name: "Content-Type", value: "text/html; charset=utf-8")],
      body: Array(page.utf8))
  }

  static func garbage(_ garbage: Fault.Garbage) -> Answer {
    let body: [UInt8] =
      switch garbage {
      case .bytes: Digests.random(700)
      case .nesting: Array(repeating: UInt8(ascii: "["), count: 20_000)
      case .list: Array(#"[{"Credentials":{}}]"#.utf8)
      case .nothing, .http, .tls, .half, .type: []
      }
    return Answer(
      status: 200, headers: [.init(name: "Content-Type", value: "application/json;charset=utf-8")], body: body)
  }
}

extension [Request.Header] {
  mutating func replace(_ name: String, with value: String) {
    removeAll { $0.name == name }
    append(.init(name: name, value: value))
  }
}

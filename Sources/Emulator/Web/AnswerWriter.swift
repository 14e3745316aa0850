/// What became of a request, before it is written down.
enum Outcome: Sendable {
  enum Substitute: Sendable {
    case refusedConnection
    case error(Refusal, retryAfterMilliseconds: Int?)
    case html(status: Int)
    case garbage(Fault.Garbage)
  }

  case fields(Fields, action: String)
  case refusal(Refusal)
  case substitute(Substitute)

  init(_ substitute: Substitute) { self = .substitute(substitute) }
}

/// Writes an outcome as an HTTP answer in the form that was asked for.
struct AnswerWriter {
  let request: Request
  let format: Call.Format
  private let requestID = Identifiers.requestID()

  init(request: Request, format: Call.Format) {
    self.request = request
    self.format = format
  }

  /// The reply, bent by the faults that leave the operation alone, and its name among the counted calls.
  func reply(_ outcome: Outcome, with faults: [Fault.Kind], at now: WallTime) -> (reply: Reply, result: String) {
    var (answer, result) = write(outcome, overriding: faults)
    var date: String? = now.httpDate
    var reply = Reply(answer: answer, manner: .whole, delayMilliseconds: 0)
    for fault in faults {
      switch fault {
      case .delay(let milliseconds): reply.delayMilliseconds += milliseconds
      case .drop: reply.manner = .brokenOff
      case .date(let offset): date = now.advanced(bySeconds: offset).httpDate
      case .dateText(let text): date = text
      case .oversize(let bytes):
        answer.body += Array(repeating: UInt8(ascii: " "), count: max(0, bytes - answer.body.count))
      case .dribble(let milliseconds): reply.manner = .dribbled(milliseconds: milliseconds)
      case .header(let name, let value): answer.headers.replace(name, with: value)
      case .garbage(.half): answer.body.removeLast(answer.body.count - answer.body.count / 2)
      case .garbage(.type): answer.headers.replace("Content-Type", with: "image/png")
      case .garbage(.http): reply.manner = .raw(Array("220 mail.example ESMTP\r\n".utf8), belowTLS: false)
      case .garbage(.tls): reply.manner = .raw(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), belowTLS: true)
      case .gzip, .refuse, .unreachable, .error, .fields, .html, .garbage, .keyDisabled, .sessionRevoked, .roleGone,
        .certificate:
        continue
      }
    }
    if case .substitute(.refusedConnection) = outcome { reply.manner = .refused }
    if faults.contains(.gzip) {
      answer.body = Gzip.stored(answer.body)
      answer.headers.replace("Content-Encoding", with: "gzip")
    }
    if let date { answer.headers.append(.init(name: "Date", value: date)) }
    reply.answer = answer
    if reply.manner == .brokenOff { result = "broken off" }
    return (reply, result)
  }

  private func write(_ outcome: Outcome, overriding faults: [Fault.Kind]) -> (Answer, result: String) {
    switch outcome {
    case .fields(var fields, let action):
      var isBent = faults.contains(.garbage(.half)) || faults.contains(.garbage(.type))
      for case .fields(let names, let value) in faults {
        for name in names { fields.replace(name, with: value.map { .text($0) }) }
        isBent = true
      }
      fields.append("RequestId", .text(requestID))
      return (document(fields, status: 200, root: "\(action)Response"), isBent ? "bent" : "OK")
    case .refusal(let refusal): return (error(refusal), refusal.code)
    case .substitute(.refusedConnection): return (Answer(status: 503, headers: [], body: []), "refused")
    case .substitute(.error(let refusal, let retryAfter)):
      var answer = error(refusal)
      if let retryAfter { answer.headers.append(.init(name: "x-acs-retry-after", value: String(retryAfter))) }
      return (answer, refusal.code)
    case .substitute(.html(let status)):
      let page = "<html><head><title>Proxy</title></head><body><h1>Please sign in</h1></body></html>\n"
      return (
        Answer(
          status: status, headers: [.init(name: "Content-Type", value: "text/html; charset=utf-8")],
          body: Array(page.utf8)), "html"
      )
    case .substitute(.garbage(let garbage)):
      return (
        Answer(
          status: 200, headers: [.init(name: "Content-Type", value: "application/json;charset=utf-8")],
          body: Self.body(of: garbage)), "garbage"
      )
    }
  }

  private static func body(of garbage: Fault.Garbage) -> [UInt8] {
    switch garbage {
    case .bytes: Digests.random(700)
    case .nesting: Array(repeating: UInt8(ascii: "["), count: 20_000)
    case .list: Array(#"[{"Credentials":{}}]"#.utf8)
    case .nothing, .http, .tls, .half, .type: []
    }
  }

  private func error(_ refusal: Refusal) -> Answer {
    let recommend = "https://api.aliyun.com/troubleshoot?q=\(refusal.code)&product=Sts&requestId=\(requestID)"
    return document(
      [
        "RequestId": .text(requestID), "HostId": .text(request.header("host") ?? ""), "Code": .text(refusal.code),
        "Message": .text(refusal.message), "Recommend": .text(recommend),
      ], status: refusal.status, root: "Error")
  }

  private func document(_ fields: Fields, status: Int, root: String) -> Answer {
    let (text, type) =
      switch format {
      case .json: (fields.json, "application/json;charset=utf-8")
      case .xml: ("<?xml version='1.0' encoding='UTF-8'?><\(root)>\(fields.xml)</\(root)>", "text/xml;charset=utf-8")
      }
    return Answer(
      status: status,
      headers: [
        .init(name: "Content-Type", value: type), .init(name: "x-acs-request-id", value: requestID),
      ], body: Array(text.utf8))
  }
}

extension [Request.Header] {
  fileprivate mutating func replace(_ name: String, with value: String) {
    removeAll { $0.name == name }
    append(.init(name: name, value: value))
  }
}

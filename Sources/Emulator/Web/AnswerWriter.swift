/// The result of a request, before it is written.
enum Outcome: Sendable {
  enum Substitute: Sendable {
    case refusedConnection
    case error(Refusal, retryAfterMilliseconds: Int?)
    case html(status: Int)
    case garbage(Fault.Garbage)
  }

  case done(Performed, action: String)
  case refusal(Refusal)
  case substitute(Substitute)

  init(_ substitute: Substitute) { self = .substitute(substitute) }
}

extension Outcome.Substitute {
  /// The fault that replaces the operation: nothing is issued or stored, no nonce is used.
  init?(_ faults: [Fault.Kind], of service: CloudService = .sts) {
    for fault in faults {
      switch fault {
      case .refuse: self = .refusedConnection
      case .error(.internalError, let retryAfter) where service == .vod:
        self = .error(.vodInternalError, retryAfterMilliseconds: retryAfter)
      case .error(let refusal, let retryAfter): self = .error(refusal, retryAfterMilliseconds: retryAfter)
      case .html(let status): self = .html(status: status)
      case .garbage(let garbage) where ![.half, .type].contains(garbage): self = .garbage(garbage)
      default: continue
      }
      return
    }
    return nil
  }
}

/// Writes an outcome as an HTTP answer in the requested format.
struct AnswerWriter {
  let request: Request
  let format: Call.Format
  let service: CloudService
  private let requestID = Identifiers.requestID()

  init(request: Request, format: Call.Format, service: CloudService) {
    self.request = request
    self.format = format
    self.service = service
  }

  /// The reply, changed by the faults that don't affect the operation, and its result among the counted calls.
  func reply(_ outcome: Outcome, with faults: [Fault.Kind], at now: WallTime) -> (reply: Reply, result: String) {
    let (answer, outcomeName) = write(outcome, overriding: faults)
    var reply = Reply(answer: answer, manner: .whole, delayMilliseconds: 0)
    reply.bend(by: faults, at: now)
    if case .substitute(.refusedConnection) = outcome { reply.manner = .refused }
    if faults.contains(.lostAnswer), case .done = outcome { return (reply, "lost") }
    return (reply, reply.manner == .brokenOff ? "broken off" : outcomeName)
  }

  private func write(_ outcome: Outcome, overriding faults: [Fault.Kind]) -> (Answer, result: String) {
    switch outcome {
    case .done(let performed, let action):
      var fields = performed.fields
      var isBent = faults.contains(.garbage(.half)) || faults.contains(.garbage(.type))
      for case .fields(let names, let value) in faults {
        for name in names { fields.replace(name, with: value.map { .text($0) }) }
        isBent = true
      }
      fields.append("RequestId", .text(requestID))
      return (document(fields, status: 200, root: "\(action)Response"), isBent ? "bent" : performed.result)
    case .refusal(let refusal): return (error(refusal), refusal.code)
    case .substitute(.refusedConnection): return (Answer(status: 503, headers: [], body: []), "refused")
    case .substitute(.error(let refusal, let retryAfter)):
      var answer = error(refusal)
      if let retryAfter { answer.headers.append(.init(name: "x-acs-retry-after", value: String(retryAfter))) }
      return (answer, refusal.code)
    case .substitute(.html(let status)): return (.proxyPage(status: status), "html")
    case .substitute(.garbage(let garbage)): return (.garbage(garbage), "garbage")
    }
  }

  private func error(_ refusal: Refusal) -> Answer {
    let query = "q=\(refusal.code)&product=\(service.product)&requestId=\(requestID)"
    return document(
      [
        "RequestId": .text(requestID), "HostId": .text(request.header("host") ?? ""), "Code": .text(refusal.code),
        "Message": .text(refusal.message), "Recommend": .text("https://api.aliyun.com/troubleshoot?\(query)"),
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

/// Why a fault can't be set.
struct FaultError: Error {
  let problem: String
}

extension Fault {
  /// Parses a fault from the parameters of `POST /faults`.
  init(_ parameters: Parameters) throws(FaultError) {
    self.init(
      try Kind(parameters), role: parameters["role"], action: parameters["action"], keyID: parameters["key"],
      count: try parameters.whole("count", in: 1...1_000_000), source: parameters["from"],
      service: try parameters.word("service"), part: try parameters.whole("part", in: PartList.numbers),
      objectKey: parameters["object"], region: parameters["region"])
    if region != nil, isOfConnection {
      throw FaultError(problem: "'region' doesn't choose connections; use refuse, which closes one at the request")
    }
  }
}

extension Fault.Kind {
  /// The largest answer that `oversize` makes, in bytes.
  private static let sizeLimit: Int = 64 << 20

  fileprivate init(_ parameters: Parameters) throws(FaultError) {
    switch parameters["kind"] {
    case "delay": self = .delay(milliseconds: try Self.milliseconds(parameters))
    case "dribble": self = .dribble(milliseconds: try Self.milliseconds(parameters))
    case "refuse": self = .refuse
    case "lost-answer": self = .lostAnswer
    case "unreachable": self = .unreachable
    case "drop": self = .drop
    case "error": self = .error(try Self.error(parameters), retryAfterMilliseconds: nil)
    case "throttle":
      let code = parameters["code"] ?? Refusal.userThrottled.code
      let known = [Refusal.userThrottled, .apiThrottled, .throttled].first { $0.code == code }
      guard let known else { throw FaultError(problem: "'code' is Throttling.User, Throttling.Api or Throttling") }
      self = .error(known, retryAfterMilliseconds: try parameters.whole("retry_after_ms", in: 0...86_400_000))
    case "empty": self = .fields(parameters["field"].map { [$0] } ?? credentialFields, value: "")
    case "missing": self = .fields([try parameters.text("field")], value: nil)
    case "replace": self = .fields([try parameters.text("field")], value: try parameters.text("value"))
    case "date": self = try Self.date(parameters)
    case "header": self = .header(name: try parameters.text("name"), value: try parameters.text("value"))
    case "gzip": self = .gzip
    case "html": self = .html(status: try parameters.whole("status", in: 200...599) ?? 200)
    case "oversize": self = .oversize(bytes: try parameters.whole("bytes", in: 1...Self.sizeLimit) ?? 1_000_000)
    case "garbage": self = .garbage(try parameters.word("form") ?? .bytes)
    case "key-disabled": self = .keyDisabled(id: parameters["key"])
    case "session-revoked": self = .sessionRevoked(id: parameters["key"])
    case "role-gone": self = .roleGone
    case "certificate":
      guard let flaw: CertificateFlaw = try parameters.word("form") else {
        throw FaultError(problem: "'form' is missing")
      }
      self = .certificate(flaw)
    case "lapsed": self = .lapsed
    case "drop-request": self = .dropRequest
    case "slow-request": self = .slowRequest(milliseconds: try Self.milliseconds(parameters))
    case "stall": self = .stall(milliseconds: try Self.milliseconds(parameters))
    case "checksum": self = .checksum(try parameters.word("form") ?? .wrong)
    case "etag": self = .wrongETag
    case "corrupt": self = .corrupt
    case "token-expired":
      self = .tokenExpired(try parameters.word("code"), when: try parameters.word("at") ?? .start)
    case "check-expiry-at-end": self = .checkExpiryAtEnd
    case "no-such-upload": self = .noSuchUpload
    case let kind:
      throw FaultError(problem: "'\(kind ?? "")' is no kind of fault; GET /help lists them")
    }
  }

  private static func milliseconds(_ parameters: Parameters) throws(FaultError) -> Int {
    guard let milliseconds = try parameters.whole("milliseconds", in: 1...600_000) else {
      throw FaultError(problem: "'milliseconds' is missing")
    }
    return milliseconds
  }

  private static func error(_ parameters: Parameters) throws(FaultError) -> Refusal {
    // STS's form of InternalError is set below.
    let code = parameters["code"].flatMap { $0 == Refusal.internalError.code ? nil : $0 }
    let known = code.flatMap { code in
      Refusal.ofVOD(code) ?? OSSRefusal.named(code).map { Refusal(status: $0.status, code: code, message: $0.message) }
    }
    // Some gateways send an error with status 200.
    let status = try parameters.whole("status", in: 200...599) ?? known?.status ?? Refusal.internalError.status
    if let known { return Refusal(status: status, code: known.code, message: parameters["message"] ?? known.message) }
    let usual = status == Refusal.unavailable.status ? Refusal.unavailable : .internalError
    return Refusal(
      status: status, code: parameters["code"] ?? usual.code, message: parameters["message"] ?? usual.message)
  }

  private static func date(_ parameters: Parameters) throws(FaultError) -> Fault.Kind {
    if let offset = try parameters.whole("offset_seconds", in: -4_000_000_000...4_000_000_000) {
      return .date(offsetSeconds: Int64(offset))
    }
    if parameters["absent"] == "true" { return .dateText(nil) }
    return .dateText(try parameters.text("text"))
  }

  var name: String {
    switch self {
    case .delay: "delay"
    case .refuse: "refuse"
    case .lostAnswer: "lost-answer"
    case .unreachable: "unreachable"
    case .drop: "drop"
    case .error(_, let retryAfter): retryAfter == nil ? "error" : "throttle"
    case .fields(_, let value): value == nil ? "missing" : value == "" ? "empty" : "replace"
    case .date, .dateText: "date"
    case .header: "header"
    case .gzip: "gzip"
    case .html: "html"
    case .oversize: "oversize"
    case .garbage: "garbage"
    case .dribble: "dribble"
    case .keyDisabled: "key-disabled"
    case .sessionRevoked: "session-revoked"
    case .roleGone: "role-gone"
    case .certificate: "certificate"
    case .lapsed: "lapsed"
    case .dropRequest: "drop-request"
    case .slowRequest: "slow-request"
    case .stall: "stall"
    case .checksum: "checksum"
    case .wrongETag: "etag"
    case .corrupt: "corrupt"
    case .tokenExpired: "token-expired"
    case .checkExpiryAtEnd: "check-expiry-at-end"
    case .noSuchUpload: "no-such-upload"
    }
  }
}

extension Parameters {
  /// Nil if the parameter is missing.
  fileprivate func whole(_ name: String, in range: ClosedRange<Int>) throws(FaultError) -> Int? {
    guard let text = self[name] else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw FaultError(problem: "'\(name)' is a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// One of the values of an enumeration; nil if the parameter is missing.
  fileprivate func word<Word: RawRepresentable<String> & CaseIterable>(_ name: String) throws(FaultError) -> Word? {
    guard let text = self[name] else { return nil }
    guard let word = Word(rawValue: text) else {
      let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
      throw FaultError(problem: "'\(name)' is one of \(words)")
    }
    return word
  }

  fileprivate func text(_ name: String) throws(FaultError) -> String {
    guard let text = self[name] else { throw FaultError(problem: "'\(name)' is missing") }
    return text
  }
}

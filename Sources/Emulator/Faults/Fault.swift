/// A misbehaviour asked for by a test or a person.
package struct Fault: Sendable {
  package enum Kind: Sendable, Equatable {
    /// The answer comes later; other connections don't wait.
    case delay(milliseconds: Int)
    /// The connection is closed instead of an answer.
    case refuse
    /// New connections are closed before the TLS handshake.
    case unreachable
    /// The connection breaks off in the middle of the answer's body.
    case drop
    /// An error instead of the operation; with `retryAfterMilliseconds` it carries `x-acs-retry-after`.
    case error(Refusal, retryAfterMilliseconds: Int?)
    /// These fields of a good answer hold `value` instead, or are missing when it is nil.
    case fields([String], value: String?)
    /// The answer's Date is this far off.
    case date(offsetSeconds: Int64)
    /// The answer's Date is this text, or missing when nil.
    case dateText(String?)
    /// The answer has this header, beside or instead of its own.
    case header(name: String, value: String)
    /// The answer's body is compressed (gzip), though nobody asked for that.
    case gzip
    /// A page as a proxy would send, instead of the operation.
    case html(status: Int)
    /// A good answer, padded to this many bytes.
    case oversize(bytes: Int)
    /// Something that STS never sends.
    case garbage(Garbage)
    /// The answer's body comes byte by byte, spread over this time.
    case dribble(milliseconds: Int)
    /// The AccessKey counts as disabled, whatever the configuration says; any long-lived one when `id` is nil.
    case keyDisabled(id: String?)
    /// The session with this AccessKeyId counts as revoked before its time, as when somebody takes it from a leaked log to the
    /// console; every session when it is nil. Its key is unknown from then on: which code the cloud gives is (?), the vendor's
    /// pages name none for it.
    case sessionRevoked(id: String?)
    /// The role asked for doesn't exist, whatever the configuration says. Sessions that were issued go on.
    case roleGone
    /// New connections are shown this certificate instead of the good one.
    case certificate(CertificateFlaw)
  }

  package enum Garbage: String, Sendable, CaseIterable {
    /// Random bytes as the body.
    case bytes
    /// The first half of a good answer, as if that were all.
    case half
    /// Brackets nested deeper than anybody reads.
    case nesting
    /// Good JSON, but a list.
    case list
    /// No body at all.
    case nothing
    /// A good answer that says it is an image.
    case type
    /// Text that isn't HTTP instead of an answer.
    case http
    /// Bytes that aren't TLS instead of an answer.
    case tls
  }

  package let kind: Kind
  /// Only requests for this role, by its name; nil for any. Requests that name no role are spared then.
  package var role: String?
  /// Only this action, such as `AssumeRole`; nil for any.
  package var action: String?
  /// How many more requests it meets; nil until it is cleared.
  package var count: Int?
  /// Only connections from this IPv4 address; nil for any.
  package var source: String?

  package init(
    _ kind: Kind, role: String? = nil, action: String? = nil, count: Int? = nil, source: String? = nil
  ) {
    self.kind = kind
    self.role = role
    self.action = action
    self.count = count
    self.source = source
  }

  /// Whether it meets a connection before its first request, which names nothing.
  var isOfConnection: Bool {
    switch kind {
    case .unreachable, .certificate: true
    default: false
    }
  }

  func meets(_ call: Call?, from source: String) -> Bool {
    guard !isOfConnection, comes(from: source) else { return false }
    if case .keyDisabled(let id) = kind {
      guard let keyID = call?.keyID, id.map({ $0 == keyID }) ?? !keyID.hasPrefix("STS.") else { return false }
    }
    if case .sessionRevoked(let id) = kind {
      guard let keyID = call?.keyID, keyID.hasPrefix("STS."), id.map({ $0 == keyID }) ?? true else { return false }
    }
    return (role == nil || role == call?.roleName) && (action == nil || action == call?.action)
  }

  fileprivate func comes(from source: String) -> Bool { self.source == nil || self.source == source }
}

/// The fields of a session in an AssumeRole answer.
let credentialFields = ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"]

/// The faults in force, by number, in the order they were set.
package struct FaultList: Sendable {
  package private(set) var faults: [(id: Int, fault: Fault)] = []
  private var lastID = 0

  /// Puts a fault in force and returns its number.
  @discardableResult
  package mutating func add(_ fault: Fault) -> Int {
    lastID += 1
    if fault.count ?? 1 > 0 { faults.append((id: lastID, fault: fault)) }
    return lastID
  }

  package mutating func removeAll() { faults.removeAll() }

  /// False when there is no such fault, perhaps because it is used up.
  package mutating func remove(_ id: Int) -> Bool {
    let before = faults.count
    faults.removeAll { $0.id == id }
    return faults.count < before
  }

  /// The faults that a request meets, each used once.
  mutating func take(_ call: Call?, from source: String) -> [Fault.Kind] {
    take { $0.meets(call, from: source) }
  }

  /// Whether a new connection is to be closed; uses such a fault once.
  mutating func takeUnreachable(from source: String) -> Bool {
    !take { $0.kind == .unreachable && $0.comes(from: source) }.isEmpty
  }

  /// What is wrong with the certificate that a new connection is shown; nil for nothing. Uses such a fault once.
  mutating func takeCertificate(from source: String) -> CertificateFlaw? {
    let taken = take {
      if case .certificate = $0.kind { $0.comes(from: source) } else { false }
    }
    return taken.lazy.compactMap { if case .certificate(let flaw) = $0 { flaw } else { nil } }.first
  }

  private mutating func take(where meets: (Fault) -> Bool) -> [Fault.Kind] {
    var kinds: [Fault.Kind] = []
    for index in faults.indices where meets(faults[index].fault) {
      kinds.append(faults[index].fault.kind)
      faults[index].fault.count = faults[index].fault.count.map { $0 - 1 }
    }
    faults.removeAll { $0.fault.count == 0 }
    return kinds
  }
}

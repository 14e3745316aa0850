/// A misbehaviour asked for by a test or a person.
package struct Fault: Sendable {
  package enum Kind: Sendable, Equatable {
    /// The answer comes later; other connections don't wait.
    case delay(milliseconds: Int)
    /// The connection is closed instead of an answer.
    case refuse
    /// The operation is carried out, and the connection closed instead of its answer.
    case lostAnswer
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

    // Of OSS alone.

    /// The connection breaks off when half of the request's body has been read.
    case dropRequest
    /// The request's body is read so slowly that all of it takes this time.
    case slowRequest(milliseconds: Int)
    /// Reading stops for this time when half of the request's body has been read.
    case stall(milliseconds: Int)
    /// The answer's CRC64 is another than the content's, or is missing.
    case checksum(ChecksumFlaw)
    /// The answer's ETag is another than the one that counts.
    case wrongETag
    /// One byte of the body arrives changed: it is stored, and summed up, like that.
    case corrupt
    /// The request's credential is over, from now on or from when its body has been read on; for later requests as well.
    case tokenExpired(OSSSettings.ExpiredCode?, when: Moment)
    /// Whether the credential is over is judged by the clock a second time when the body has been read.
    case checkExpiryAtEnd
    /// The upload that the request names is gone, with its parts.
    case noSuchUpload
  }

  package enum ChecksumFlaw: String, Sendable, CaseIterable {
    case wrong
    case missing
  }

  package enum Moment: String, Sendable, CaseIterable {
    case start
    case end
  }

  /// Which of the emulated services.
  package enum Service: String, Sendable, CaseIterable {
    case sts
    case vod
    case oss
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
  /// Only requests about this role, by its name: AssumeRole of it, and VOD calls by one of its sessions; nil for any.
  package var role: String?
  /// Only this action, such as `AssumeRole`; nil for any.
  package var action: String?
  /// Only requests that name this AccessKeyId; nil for any.
  package var keyID: String?
  /// How many more requests it meets; nil until it is cleared.
  package var count: Int?
  /// Only connections from this IPv4 address; nil for any.
  package var source: String?
  /// Only this service; nil for any that the kind can affect.
  package var service: Service?
  /// Only this part of an upload; nil for any request.
  package var part: Int?
  /// Only the object with this key; nil for any.
  package var objectKey: String?

  package init(
    _ kind: Kind, role: String? = nil, action: String? = nil, keyID: String? = nil, count: Int? = nil,
    source: String? = nil, service: Service? = nil, part: Int? = nil, objectKey: String? = nil
  ) {
    self.kind = kind
    self.role = role
    self.action = action
    self.keyID = keyID
    self.count = count
    self.source = source
    self.service = service
    self.part = part
    self.objectKey = objectKey
  }

  /// Whether it meets a connection before its first request, which names nothing.
  var isOfConnection: Bool {
    switch kind {
    case .unreachable, .certificate: true
    default: false
    }
  }

  func meets(_ target: FaultTarget) -> Bool {
    guard !isOfConnection, kind.services.contains(target.service), comes(from: target.source, to: target.service) else {
      return false
    }
    if case .keyDisabled(let id) = kind {
      guard let keyID = target.keyID, id.map({ $0 == keyID }) ?? !keyID.hasPrefix("STS.") else { return false }
    }
    if case .sessionRevoked(let id) = kind {
      guard let keyID = target.keyID, keyID.hasPrefix("STS."), id.map({ $0 == keyID }) ?? true else { return false }
    }
    return (role == nil || role == target.role) && (action == nil || action == target.action)
      && (keyID == nil || keyID == target.keyID) && (part == nil || part == target.part)
      && (objectKey == nil || objectKey == target.objectKey)
  }

  fileprivate func comes(from source: String, to service: Service) -> Bool {
    // STS and VOD share their connections, of which nobody knows yet for which of the two they are.
    let isMeant = self.service == service || isOfConnection && self.service == .vod && service == .sts
    return (self.source == nil || self.source == source) && (self.service == nil || isMeant)
  }
}

/// What faults choose a request by.
struct FaultTarget: Sendable {
  let service: Fault.Service
  let source: String
  let action: String?
  let keyID: String?
  var role: String? = nil
  var part: Int? = nil
  var objectKey: String? = nil

  /// `role` is what the call is about.
  init(_ call: Call?, role: String?, from source: String) {
    service = call?.service == .vod ? .vod : .sts
    self.source = source
    action = call?.action
    keyID = call?.keyID
    self.role = role
  }

  init(_ call: OSSCall) {
    service = .oss
    source = call.request.sourceAddress
    action = call.operation?.rawValue
    keyID = nil
    part = call.partNumber
    objectKey = call.object.key
  }
}

extension Fault.Kind {
  /// Which services it can affect.
  var services: Set<Fault.Service> {
    switch self {
    case .roleGone: [.sts]
    case .fields, .keyDisabled, .sessionRevoked: [.sts, .vod]
    case .dropRequest, .slowRequest, .stall, .checksum, .wrongETag, .corrupt, .tokenExpired, .checkExpiryAtEnd,
      .noSuchUpload:
      [.oss]
    case .delay, .refuse, .lostAnswer, .unreachable, .drop, .error, .date, .dateText, .header, .gzip, .html, .oversize,
      .garbage, .dribble, .certificate:
      [.sts, .vod, .oss]
    }
  }
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
  mutating func take(_ target: FaultTarget) -> [Fault.Kind] { take { $0.meets(target) } }

  /// Whether a new connection is to be closed; uses such a fault once.
  mutating func takeUnreachable(from source: String, to service: Fault.Service) -> Bool {
    !take { $0.kind == .unreachable && $0.comes(from: source, to: service) }.isEmpty
  }

  /// What is wrong with the certificate that a new connection is shown; nil for nothing. Uses such a fault once.
  mutating func takeCertificate(from source: String, to service: Fault.Service) -> CertificateFlaw? {
    let taken = take {
      if case .certificate = $0.kind { $0.comes(from: source, to: service) } else { false }
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

/// A misbehaviour that a test or a person requests.
package struct Fault: Sendable {
  package enum Kind: Sendable, Equatable {
    /// The answer comes later; other connections don't wait.
    case delay(milliseconds: Int)
    /// The connection is closed without an answer.
    case refuse
    /// The operation is carried out, and the connection closed without its answer.
    case lostAnswer
    /// New connections are closed before the TLS handshake.
    case unreachable
    /// The connection ends in the middle of the answer's body.
    case drop
    /// An error instead of the operation; with `retryAfterMilliseconds` it carries `x-acs-retry-after`.
    case error(Refusal, retryAfterMilliseconds: Int?)
    /// These fields of a good answer contain `value` instead, or are missing if it is nil.
    case fields([String], value: String?)
    /// The answer's Date is wrong by this much.
    case date(offsetSeconds: Int64)
    /// The answer's Date is this text, or missing if nil.
    case dateText(String?)
    /// The answer has this header, in addition to or instead of its own.
    case header(name: String, value: String)
    /// The answer's body is compressed (gzip), without a request for that.
    case gzip
    /// A proxy's error page instead of the operation.
    case html(status: Int)
    /// A good answer, padded to this many bytes.
    case oversize(bytes: Int)
    /// Something that STS never sends.
    case garbage(Garbage)
    /// The answer's body comes byte by byte, spread over this time.
    case dribble(milliseconds: Int)
    /// The AccessKey counts as disabled, whatever the configuration says; every long-lived one if `id` is nil.
    case keyDisabled(id: String?)
    /// The session with this AccessKeyId counts as revoked before its time, as when somebody revokes a leaked one in the console;
    /// every session if it is nil. Its key is unknown from then on: which code the cloud gives is (?), the vendor's pages name none
    /// for it.
    case sessionRevoked(id: String?)
    /// The requested role doesn't exist, whatever the configuration says. Sessions already issued stay valid.
    case roleGone
    /// New connections get this certificate instead of the good one.
    case certificate(CertificateFlaw)

    // Only for the services of a host.

    /// The credential document has a session that ended a minute ago.
    case lapsed

    // Only for OSS.

    /// The connection ends after half of the request's body has been read.
    case dropRequest
    /// The request's body is read so slowly that all of it takes this time.
    case slowRequest(milliseconds: Int)
    /// Reading stops for this time after half of the request's body has been read.
    case stall(milliseconds: Int)
    /// The answer's CRC64 differs from the content's, or is missing.
    case checksum(ChecksumFlaw)
    /// The answer's ETag differs from the valid one.
    case wrongETag
    /// One byte of the body arrives changed, and is stored and counted in the checksums like that.
    case corrupt
    /// The request's credential expires, now or after its body has been read; also for later requests.
    case tokenExpired(OSSSettings.ExpiredCode?, when: Moment)
    /// The credential's expiry is checked a second time after the body has been read.
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

  /// One of the emulated services.
  package enum Service: String, Sendable, CaseIterable {
    case sts
    case vod
    case oss
    /// The metadata service of an ECS instance.
    case ecs
    /// The server behind a credentials URI.
    case uri
    /// KMS Agent.
    case kms
  }

  package enum Garbage: String, Sendable, CaseIterable {
    /// Random bytes as the body.
    case bytes
    /// The first half of a good answer, as if it were complete.
    case half
    /// Brackets nested too deeply for any reader.
    case nesting
    /// Valid JSON, but a list.
    case list
    /// No body at all.
    case nothing
    /// A good answer with the content type of an image.
    case type
    /// Text that isn't HTTP instead of an answer.
    case http
    /// Bytes that aren't TLS instead of an answer.
    case tls
  }

  package let kind: Kind
  /// Only requests about this role, by its name: AssumeRole for it, and VOD calls by one of its sessions; nil for any.
  package var role: String?
  /// Only this action, such as `AssumeRole`; nil for any.
  package var action: String?
  /// Only requests that name this AccessKeyId; nil for any.
  package var keyID: String?
  /// The number of further requests that it affects; nil for no limit.
  package var count: Int?
  /// Only connections from this IPv4 address; nil for any.
  package var source: String?
  /// Only this service; nil for any that the kind can affect.
  package var service: Service?
  /// Only this part of an upload; nil for any request.
  package var part: Int?
  /// Only the object with this key; nil for any.
  package var objectKey: String?
  /// Only this region of STS, as `Request.region` names it; nil for any.
  package var region: String?

  package init(
    _ kind: Kind, role: String? = nil, action: String? = nil, keyID: String? = nil, count: Int? = nil,
    source: String? = nil, service: Service? = nil, part: Int? = nil, objectKey: String? = nil,
    region: String? = nil
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
    self.region = region
  }

  /// Whether it affects a connection before its first request, which names nothing.
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
      && (objectKey == nil || objectKey == target.objectKey) && (region == nil || region == target.region)
  }

  fileprivate func comes(from source: String, to service: Service) -> Bool {
    // STS and VOD share their connections, and it isn't known yet which of the two one is for.
    let isMeant = self.service == service || isOfConnection && self.service == .vod && service == .sts
    return (self.source == nil || self.source == source) && (self.service == nil || isMeant)
  }
}

/// The properties of a request by which faults select it.
struct FaultTarget: Sendable {
  let service: Fault.Service
  let source: String
  let action: String?
  let keyID: String?
  var role: String? = nil
  var part: Int? = nil
  var objectKey: String? = nil
  var region: String? = nil

  /// A request to a service of a host.
  init(service: Fault.Service, source: String, action: String, role: String?) {
    self.service = service
    self.source = source
    self.action = action
    keyID = nil
    self.role = role
  }

  /// `role` is the role that the call is about.
  init(_ call: Call?, role: String?, from source: String, region: String? = nil) {
    self.region = region
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
    // A claim that can't be read names no key, and is refused anyway.
    keyID = (try? OSSSignature(call))?.keyID
    part = call.partNumber
    objectKey = call.object.key
  }
}

extension Fault.Kind {
  /// The services that it can affect.
  var services: Set<Fault.Service> {
    switch self {
    case .roleGone: [.sts]
    case .keyDisabled: [.sts, .vod]
    case .sessionRevoked: [.sts, .vod, .oss]
    case .fields: [.sts, .vod, .ecs, .uri, .kms]
    case .lapsed: [.ecs, .uri]
    case .dropRequest, .slowRequest, .stall, .checksum, .wrongETag, .corrupt, .tokenExpired, .checkExpiryAtEnd,
      .noSuchUpload:
      [.oss]
    case .delay, .refuse, .lostAnswer, .unreachable, .drop, .error, .date, .dateText, .header, .gzip, .html, .oversize,
      .garbage, .dribble, .certificate:
      Set(Fault.Service.allCases)
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

  /// False if there is no such fault, perhaps because it is used up.
  package mutating func remove(_ id: Int) -> Bool {
    let before = faults.count
    faults.removeAll { $0.id == id }
    return faults.count < before
  }

  /// The faults that affect a request, each used once.
  mutating func take(_ target: FaultTarget) -> [Fault.Kind] { take { $0.meets(target) } }

  /// Whether a new connection should be closed; uses such a fault once.
  mutating func takeUnreachable(from source: String, to service: Fault.Service) -> Bool {
    !take { $0.kind == .unreachable && $0.comes(from: source, to: service) }.isEmpty
  }

  /// The flaw of the certificate for a new connection; nil for none. Uses such a fault once.
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

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
    /// A page as a proxy would send, instead of the operation.
    case html(status: Int)
    /// A good answer, padded to this many bytes.
    case oversize(bytes: Int)
  }

  package let kind: Kind
  /// Only requests for this role, by its name; nil for any. Requests that name no role are spared then.
  package var role: String?
  /// Only this action, such as `AssumeRole`; nil for any.
  package var action: String?
  /// How many more requests it meets; nil until it is cleared.
  package var count: Int?

  package init(_ kind: Kind, role: String? = nil, action: String? = nil, count: Int? = nil) {
    self.kind = kind
    self.role = role
    self.action = action
    self.count = count
  }

  func meets(role: String?, action: String?) -> Bool {
    (self.role == nil || self.role == role) && (self.action == nil || self.action == action)
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
  mutating func take(role: String?, action: String?) -> [Fault.Kind] {
    take { $0.kind != .unreachable && $0.meets(role: role, action: action) }
  }

  /// Whether a new connection is to be closed; uses such a fault once.
  mutating func takeUnreachable() -> Bool { !take { $0.kind == .unreachable }.isEmpty }

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

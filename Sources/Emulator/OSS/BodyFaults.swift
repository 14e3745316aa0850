/// What faults do to a request's body on its way in.
struct BodyFaults {
  private let faults: [Fault.Kind]
  /// Of the whole body; nil when it isn't known.
  private let length: Int?
  private let start = ContinuousClock.now
  private(set) var received = 0

  init(_ faults: [Fault.Kind], length: Int?) {
    self.faults = faults.filter {
      switch $0 {
      case .dropRequest, .slowRequest, .stall, .corrupt: true
      default: false
      }
    }
    self.length = length
  }

  /// Where the body's middle is; its first byte when the length isn't known.
  private var middle: Int { (length ?? 0) / 2 }

  /// Whether a request without a body is to end as one with a body in its middle.
  var cutsEmptyBody: Bool { length == 0 && faults.contains(.dropRequest) }

  /// What a request without a body waits before its answer instead, in milliseconds.
  var emptyBodyPause: Int {
    guard length == 0 else { return 0 }
    return faults.reduce(0) { sum, fault in
      switch fault {
      case .stall(let milliseconds), .slowRequest(let milliseconds): sum + milliseconds
      default: sum
      }
    }
  }

  /// Hands a piece on, changed if that is wanted, and says how to go on after it.
  mutating func pass(_ bytes: UnsafeRawBufferPointer, to store: (UnsafeRawBufferPointer) -> Void) -> BodyStep {
    let before = received
    received += bytes.count
    guard !faults.isEmpty else {
      store(bytes)
      return .next
    }
    let holdsMiddle = (before..<received).contains(middle)
    if faults.contains(.dropRequest), received > middle { return .close }
    if faults.contains(.corrupt), holdsMiddle {
      var changed = Array(bytes)
      changed[middle - before] ^= 0x01
      changed.withUnsafeBytes(store)
    } else {
      store(bytes)
    }
    return pause(holdsMiddle: holdsMiddle)
  }

  private func pause(holdsMiddle: Bool) -> BodyStep {
    var total = 0
    for fault in faults {
      switch fault {
      case .stall(let milliseconds) where holdsMiddle: total += milliseconds
      case .slowRequest(let milliseconds):
        let due = start + .milliseconds(milliseconds * received / max(1, length ?? received))
        total += max(0, Int((due - ContinuousClock.now) / .milliseconds(1)))
      default: continue
      }
    }
    return total > 0 ? .pause(milliseconds: total) : .next
  }
}

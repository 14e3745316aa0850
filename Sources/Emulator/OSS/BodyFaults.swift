/// Applies faults to a request's body as it arrives.
struct BodyFaults {
  private let faults: [Fault.Kind]
  /// The length of the whole body; nil if it isn't known.
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

  /// The offset of the body's middle; its first byte if the length isn't known.
  private var middle: Int { (length ?? 0) / 2 }

  /// Whether a request without a body should end like one whose body is cut in the middle.
  var cutsEmptyBody: Bool { length == 0 && faults.contains(.dropRequest) }

  /// How long a request without a body waits before its answer instead, in milliseconds.
  var emptyBodyPause: Int {
    guard length == 0 else { return 0 }
    return faults.reduce(0) { sum, fault in
      switch fault {
      case .stall(let milliseconds), .slowRequest(let milliseconds): sum + milliseconds
      default: sum
      }
    }
  }

  /// Passes a piece on, changed if a fault asks for that, and returns how to continue.
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

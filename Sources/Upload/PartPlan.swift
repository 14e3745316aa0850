import Core

/// How a file is divided into parts: in whole units, so that a part that wasn't stored can be sent again in another
/// size.
///
/// The number of a part is that of its first unit, counted from 1. OSS requires ascending numbers and allows gaps
/// (CompleteMultipartUpload), so each part may be split later without changing others. A unit is at least the minimum
/// part size of OSS, 100 KB, and large enough that the file has at most 10,000 units (UploadPart).
struct PartPlan: Hashable, Sendable {
  /// The maximum number of parts in one upload.
  static let mostParts = 10_000
  /// The minimum size of a part other than the last one, in bytes.
  static let leastPart = 100 * 1024
  /// The largest size of a part and of a single PUT, in bytes.
  static let mostBytes = 5 * 1024 * 1024 * 1024
  /// Units are whole multiples of this, in bytes.
  private static let grain = 4096

  /// In bytes, at least 1.
  let size: Int
  /// In bytes.
  let unit: Int

  /// The plan for a file of `size` bytes, at least 1; nil when it is larger than 10,000 parts of 5 GB.
  init?(size: Int) {
    precondition(size > 0, "a plan for no bytes")
    let least = max(Self.leastPart, (size + Self.mostParts - 1) / Self.mostParts)
    self.init(size: size, unit: (least + Self.grain - 1) / Self.grain * Self.grain)
    guard unit <= Self.mostBytes else { return nil }
  }

  /// A plan that was made before.
  init(size: Int, unit: Int) {
    self.size = size
    self.unit = unit
  }

  var units: Int { (size + unit - 1) / unit }

  /// The number of units in a part of about `bytes`: at least one, and at most what OSS accepts.
  func units(in bytes: Int) -> Int { max(1, min(bytes, Self.mostBytes) / unit) }

  /// The bytes of `count` units from unit `first` on, the last of which may be cut off by the file's end.
  func range(first: Int, count: Int) -> Range<Int> { first * unit..<min(size, (first + count) * unit) }
}

/// Consecutive units that have to be sent.
struct UnitGap: Hashable, Sendable {
  var first: Int
  var count: Int
  /// How often a part that begins here failed consecutively.
  var failures = 0
  /// Not to be sent before this time.
  var due: Timestamp?

  var end: Int { first + count }
}

/// The units that are neither stored nor being sent, in ascending order.
struct UnitGaps: Sendable {
  private(set) var gaps: [UnitGap]

  /// All units of `plan` except those in `stored`.
  init(_ plan: PartPlan, stored: [FinishedPart]) {
    gaps = []
    var next = 0
    for part in stored.sorted(by: { $0.number < $1.number }) {
      let first = Int(part.number) - 1
      if first > next { gaps.append(UnitGap(first: next, count: first - next)) }
      next = max(next, first + (Int(part.length) + plan.unit - 1) / plan.unit)
    }
    if next < plan.units { gaps.append(UnitGap(first: next, count: plan.units - next)) }
  }

  var isEmpty: Bool { gaps.isEmpty }

  /// The first gap that may be sent at `now`.
  func next(at now: Timestamp) -> UnitGap? { gaps.first { $0.due.map { $0 <= now } ?? true } }

  /// When the next waiting gap may be sent; nil if none is waiting.
  func nextDue(after now: Timestamp) -> Timestamp? { gaps.lazy.compactMap(\.due).filter { $0 > now }.min() }

  /// Takes `count` units from the beginning of `gap`.
  mutating func take(_ count: Int, of gap: UnitGap) {
    guard let place = gaps.firstIndex(of: gap) else { return }
    if count >= gap.count {
      gaps.remove(at: place)
    } else {
      gaps[place] = UnitGap(first: gap.first + count, count: gap.count - count)
    }
  }

  /// Returns units that weren't stored. Gaps without failures are joined with adjacent ones.
  mutating func giveBack(_ gap: UnitGap) {
    let place = gaps.firstIndex { $0.first > gap.first } ?? gaps.endIndex
    gaps.insert(gap, at: place)
    join(at: place)
    if place > 0 { join(at: place - 1) }
  }

  private mutating func join(at place: Int) {
    guard place + 1 < gaps.count else { return }
    let (left, right) = (gaps[place], gaps[place + 1])
    guard left.end == right.first, left.failures == 0, right.failures == 0 else { return }
    gaps[place].count += right.count
    gaps.remove(at: place + 1)
  }
}

extension FinishedPart {
  var crc: CRC64 { CRC64(value: crc64) }

  init(unit: Int, range: Range<Int>, etag: String, crc: CRC64) {
    self.init(
      number: Int32(unit + 1), offset: Int64(range.lowerBound), length: Int64(range.count), etag: ETag(etag),
      crc64: crc.value)
  }
}

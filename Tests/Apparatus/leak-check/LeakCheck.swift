import Glibc
import Laboratory
import TestSupport

/// Lets a daemon rotate as often as asked, amid readers, reloads and faults, and watches its memory and descriptors.
///
/// The first fifth of the rotations is for warming up; what has grown is seen between the second fifth and the last. The bound is
/// what is lost when one rotation in four keeps the least that malloc(3) gives, 32 bytes with its head on 64 bits, and never less than
/// `noise`, what the calls under way at the moment make up.
struct LeakCheck {
  private static let leastAllocation = 32
  /// Bytes; each look is at another moment, with up to 16 calls and some hundred connections' buffers in use.
  private static let noise = 512 * 1024
  /// libcurl keeps up to 16 connections, which come and go.
  private static let descriptorNoise = 16
  /// Few and long ones: a busy host gives only some of the looks a moment at which little is under way.
  private static let looks = 5

  /// The figures at the end of a fifth of the rotations, and what memory and descriptors were within it.
  ///
  /// malloc(3) gives memory back when much of it lies free at the end, and takes it again; a slow disk keeps contents waiting, each
  /// with a descriptor. What is lost raises the least and the most for ever. By the least alone, a short look without a moment at which memory
  /// had just been given back was taken for growth, though the most was as before; so the one that has grown less counts.
  private struct Look: CustomStringConvertible {
    let figures: DaemonFigures
    let least: Int
    let most: Int
    let descriptors: Int

    var rotations: Int { figures.rotations }

    var description: String {
      "\(rotations) rotations: Anonymous \(kibibytes(least)) to \(kibibytes(most)), Rss \(kibibytes(figures.resident)), "
        + "at least \(descriptors) descriptors"
    }
  }

  private let target: Int
  private let seed: UInt64
  private var taken: [Look] = []
  private var problem: String?

  /// Runs as the command line wants it; returns the exit status.
  static func run(_ arguments: [String]) -> CInt {
    guard arguments.count <= 3, let target = Int(arguments.dropFirst().first ?? "100000"), target >= 1000,
      let seed = UInt64(arguments.dropFirst(2).first ?? "1")
    else {
      Console.report("usage: leak-check [ROTATIONS, at least 1000] [SEED]")
      return 2
    }
    var check = LeakCheck(target: target, seed: seed)
    do {
      try check.measure()
    } catch {
      check.problem = "\(error)"
    }
    return check.conclude()
  }

  private init(target: Int, seed: UInt64) {
    self.target = target
    self.seed = seed
  }

  private mutating func measure() throws {
    let load = try Load(seed: seed)
    defer { load.stop() }
    Console.print("leak-check: seed \(seed); \(Load.roleCount) roles; figures every \(target / Self.looks) rotations")
    var next = target / Self.looks
    var latest = 0
    var (least, most, descriptors) = (Int.max, 0, Int.max)
    let started = ContinuousClock.now
    var moved = started
    while next <= target {
      if Interruption.came(within: 250) {
        problem = "interrupted"
        return
      }
      try load.stir()
      let figures = try DaemonFigures(load.daemon)
      least = min(least, figures.anonymous)
      most = max(most, figures.anonymous)
      descriptors = min(descriptors, figures.descriptors)
      if figures.rotations > latest { moved = .now }
      latest = figures.rotations
      guard ContinuousClock.now - moved < .seconds(60) else {
        problem = "no rotation for a minute; the daemon's log ends so:\n\(load.daemon.log.suffix(2000))"
        return
      }
      guard figures.rotations >= next else { continue }
      taken.append(Look(figures: figures, least: least, most: most, descriptors: descriptors))
      Console.print("  \(taken.last!), after \((ContinuousClock.now - started).components.seconds) s")
      (least, most, descriptors) = (.max, 0, .max)
      next += target / Self.looks
    }
  }

  /// Says what was found in one last line.
  private func conclude() -> CInt {
    guard problem == nil, taken.count == Self.looks else {
      Console.print("leaks: \(problem ?? "too few figures")")
      return 1
    }
    let (first, last) = (taken[1], taken[Self.looks - 1])
    let growth = min(last.least - first.least, last.most - first.most)
    let bound = max(Self.noise, (last.rotations - first.rotations) / 4 * Self.leastAllocation)
    let opened = last.descriptors - first.descriptors
    let perTenThousand = growth * 10_000 / (last.rotations - first.rotations)
    let isFlat = growth <= bound && opened <= Self.descriptorNoise
    let three = [first, taken[taken.count / 2], last]
    Console.print(
      """
      leaks: \(last.rotations) rotations; Anonymous \(three.map { "\(kibibytes($0.least)) to \(kibibytes($0.most))" }.joined(separator: ", ")) \
      and descriptors \(three.map { "\($0.descriptors)" }.joined(separator: ", ")) \
      after \(three.map { "\($0.rotations)" }.joined(separator: ", ")); \
      \(perTenThousand) bytes per 10,000 rotations, \(kibibytes(bound)) allowed in all: \(isFlat ? "flat" : "NOT flat")
      """)
    return isFlat ? 0 : 1
  }
}

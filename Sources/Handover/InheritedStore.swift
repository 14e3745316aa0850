internal import CLinux
import Glibc

/// What a process finds of the stores of those before it.
package struct InheritedStore {
  /// What the best of them comes to; nil where none can be used.
  package let state: HandoverState?
  /// The number of that one.
  package let number: UInt64?
  /// All names that were found, to be removed once there is a store of this process.
  package let names: [String]
  /// The number of the next store: above all of them.
  package let next: UInt64
  /// Why a store isn't used, of each that should have been.
  package let defects: [(name: String, reason: String)]
  /// How much room the one in use takes, in bytes.
  package let length: Int

  private static let prefix = "sessions-"

  package static func name(of number: UInt64) -> String { "\(prefix)\(number)" }

  /// The number in a store's name; nil for the name of anything else.
  package static func number(of name: String) -> UInt64? {
    guard name.hasPrefix(prefix), let number = UInt64(name.dropFirst(prefix.count)), Self.name(of: number) == name,
      number < 1 << 62
    else { return nil }
    return number
  }

  /// Takes the highest whole one of the descriptors whose names are those of stores, and closes all of these. An older one isn't looked at
  /// where a newer one is whole, since it lacks what the newer one has.
  package init(_ descriptors: [(name: String, descriptor: CInt)], boot: BootID) {
    let stores = descriptors.compactMap { one in
      Self.number(of: one.name).map { (number: $0, name: one.name, descriptor: one.descriptor) }
    }.sorted { $0.number > $1.number }
    defer { for store in stores { close(store.descriptor) } }
    var defects: [(name: String, reason: String)] = []
    var found: (state: HandoverState, length: Int)?
    var number: UInt64?
    for store in stores where found == nil {
      do throws(StoreProblem) {
        found = try Self.read(store.descriptor, boot)
        number = store.number
      } catch {
        defects.append((store.name, error.description))
      }
    }
    state = found?.state
    self.number = number
    length = found?.length ?? 0
    self.defects = defects
    names = Array(Set(stores.map(\.name))).sorted()
    next = (stores.first?.number ?? 0) + 1
  }

  private struct StoreProblem: Error { let description: String }

  private static func read(_ descriptor: CInt, _ boot: BootID) throws(StoreProblem) -> (HandoverState, Int) {
    var base: UnsafeRawPointer?
    var size = 0
    let result = clinux_store_map(descriptor, &base, &size)
    guard result == 0, let base else { throw StoreProblem(description: String(cString: strerror(-result))) }
    defer { munmap(UnsafeMutableRawPointer(mutating: base), size) }
    let image = UnsafeBufferPointer(start: base.assumingMemoryBound(to: UInt8.self), count: size)
    do throws(StoreDefect) {
      return (
        try HandoverState(reading: image.span, boot: boot), try StoreHeader.length(of: image.span, boot: boot)
      )
    } catch { throw StoreProblem(description: error.description) }
  }
}

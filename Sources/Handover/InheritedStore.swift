internal import CLinux
import Glibc

/// What a process finds in the stores of earlier processes.
package struct InheritedStore {
  /// The content of the store that is used; nil if none can be.
  package let state: HandoverState?
  /// The number of that store.
  package let number: UInt64?
  /// The names of all stores found. They are removed once a store of this process is complete.
  package let names: [String]
  /// The number of the next store, above all of these.
  package let next: UInt64
  /// Why each store that should have been used isn't.
  package let defects: [(name: String, reason: String)]
  /// The length of the store that is used, in bytes.
  package let length: Int

  private static let prefix = "sessions-"

  package static func name(of number: UInt64) -> String { "\(prefix)\(number)" }

  /// The number in a store's name; nil for any other name.
  package static func number(of name: String) -> UInt64? {
    guard name.hasPrefix(prefix), let number = UInt64(name.dropFirst(prefix.count)), Self.name(of: number) == name,
      number < 1 << 62
    else { return nil }
    return number
  }

  /// Reads the usable store with the highest number, and closes all descriptors with the names of stores. Older ones,
  /// which lack what newer ones have, are used only if newer ones are defective.
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

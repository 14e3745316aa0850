import CSystemd
import Glibc

/// The descriptors that the service manager passed to this process: the sockets of `.socket` units, and what its fd store kept.
///
/// Each has the name that its unit or the storing process gave it; several may have the same name. They are close-on-exec from here
/// on.
package struct InheritedDescriptors {
  private var all: [(name: String, descriptor: CInt)]

  /// Takes over the descriptors passed to this process (sd_listen_fds_with_names(3)), and removes them from the environment. Empty
  /// if none were passed, or if the environment is meant for another process. To be called once.
  package static func take() -> Self {
    var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    let count = sd_listen_fds_with_names(1, &names)
    guard count > 0, let names else { return Self([]) }
    defer { free(names) }
    return Self(
      (0..<Int(count)).map { index in
        defer { free(names[index]) }
        // SD_LISTEN_FDS_START
        return (names[index].map { String(cString: $0) } ?? "", 3 + CInt(index))
      })
  }

  init(_ all: [(name: String, descriptor: CInt)]) { self.all = all }

  /// All descriptors of that name, in no particular order. The caller owns them.
  package mutating func take(named name: String) -> [CInt] { take { $0 == name }.map(\.descriptor) }

  /// All descriptors whose names pass the filter. The caller owns them.
  package mutating func take(where matches: (String) -> Bool) -> [(name: String, descriptor: CInt)] {
    let taken = all.filter { matches($0.name) }
    all.removeAll { matches($0.name) }
    return taken
  }

  /// Closes the remaining descriptors, and returns their names.
  package mutating func closeRest() -> [String] {
    for entry in all { close(entry.descriptor) }
    defer { all = [] }
    return all.map(\.name)
  }
}

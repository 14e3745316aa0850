import CSystemd
import Glibc

/// The descriptors that the service manager passed to this process: the sockets of `.socket` units, and what its fd store kept.
///
/// Each has the name that its unit or whoever stored it gave it; several may have the same. Close-on-exec from here on.
package struct InheritedDescriptors {
  private var all: [(name: String, descriptor: CInt)]

  /// Takes over what this process got (sd_listen_fds_with_names(3)), and takes it out of the environment. Nothing where it got nothing, or where
  /// the environment speaks of another process. To be called once.
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

  /// All of that name, in no order that says anything. They are the caller's.
  package mutating func take(named name: String) -> [CInt] { take { $0 == name }.map(\.descriptor) }

  /// All whose names pass. They are the caller's.
  package mutating func take(where isWanted: (String) -> Bool) -> [(name: String, descriptor: CInt)] {
    let taken = all.filter { isWanted($0.name) }
    all.removeAll { isWanted($0.name) }
    return taken
  }

  /// Closes what nobody took, and returns its names.
  package mutating func closeRest() -> [String] {
    for entry in all { close(entry.descriptor) }
    defer { all = [] }
    return all.map(\.name)
  }
}

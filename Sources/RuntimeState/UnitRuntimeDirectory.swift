import Glibc

/// The unit's runtime directory, in the variable by which systemd names one of `RuntimeDirectory=` to a unit's processes. Our unit sets it,
/// since its directory is there before and after it.
package enum UnitRuntimeDirectory {
  /// Nil outside of a unit that has one.
  package static var path: String? {
    // systemd.exec(5), RuntimeDirectory=: several are separated by colons.
    let first = getenv("RUNTIME_DIRECTORY").map { String(cString: $0).prefix { $0 != ":" } } ?? ""
    return first.hasPrefix("/") ? String(first) : nil
  }
}

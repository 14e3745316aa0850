/// What `check` looks at beyond the loader: how the daemon will be run. The daemon itself sees that without looking.
package struct CheckScope {
  /// nil when none is installed that starts the daemon with these settings.
  package let unit: InstalledUnit?
  /// Why the AccessKey in the file at a path, which systemd will pass, can't be used; nil when it can. nil itself when this
  /// process may not read what only root may.
  package let accessKeyProblem: ((_ path: String) -> String?)?

  package init(unit: InstalledUnit?, accessKeyProblem: ((String) -> String?)? = nil) {
    self.unit = unit
    self.accessKeyProblem = accessKeyProblem
  }
}

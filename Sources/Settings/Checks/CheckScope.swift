/// What `check` looks at beyond the loader: how the daemon will be run. The daemon itself sees that without looking.
package struct CheckScope {
  /// nil when none is installed that starts the daemon with these settings.
  package let unit: InstalledUnit?
  /// The socket that the service manager will pass to the daemon; nil when the daemon makes its own.
  package let socketUnit: SocketUnit?
  /// The same of the socket for other units' credentials.
  package let credentialsUnit: SocketUnit?
  /// The settings that an installed unit starts the daemon with, when those aren't the ones that are checked.
  package let otherConfigPath: String?
  /// Whether this process may look at what the daemon may look at. If not, what it can't see is a note and no error.
  package let isDaemonsUser: Bool
  package let trials: StartTrials

  package init(
    unit: InstalledUnit?, socketUnit: SocketUnit? = nil, credentialsUnit: SocketUnit? = nil,
    otherConfigPath: String? = nil, isDaemonsUser: Bool = true, trials: StartTrials = StartTrials()
  ) {
    self.unit = unit
    self.socketUnit = socketUnit
    self.credentialsUnit = credentialsUnit
    self.otherConfigPath = otherConfigPath
    self.isDaemonsUser = isDaemonsUser
    self.trials = trials
  }
}

/// What a start needs and only an attempt shows. Each function answers what is wrong, nil for nothing, and changes nothing.
package struct StartTrials {
  /// What is wrong, with the setting as its subject.
  package struct Finding {
    package let severity: Diagnostic.Severity
    package let problem: String
    package let remedy: String
    /// Whether this process may not look, which is no error when the daemon may.
    package let isDenied: Bool

    package init(_ severity: Diagnostic.Severity, _ problem: String, _ remedy: String, isDenied: Bool = false) {
      (self.severity, self.problem, self.remedy, self.isDenied) = (severity, problem, remedy, isDenied)
    }
  }

  /// Of the AccessKey in a file of which systemd will pass a copy; nil itself when this process may not read what only root may.
  package var passedKey: ((_ path: String) -> Finding?)?
  /// Of the AccessKey in a file that the daemon reads.
  package var keyFile: (_ path: String) -> Finding? = { _ in nil }
  /// Of the AccessKey at a path where systemd has put it for this process.
  package var credential: (_ path: String) -> Finding? = { _ in nil }
  package var proxyPassword: (_ path: String) -> Finding? = { _ in nil }
  /// Of the certificates by which STS is verified.
  package var authorities: (STSSettings) -> Finding? = { _ in nil }
  package var socket: (_ path: String) -> Finding? = { _ in nil }
  /// Whether a process listens on a socket there.
  package var isListenedOn: (_ path: String) -> Bool = { _ in false }

  package init() {}
}

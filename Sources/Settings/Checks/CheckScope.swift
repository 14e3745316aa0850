/// What `check` knows about how the daemon will be run, beyond the settings. The running daemon needs none of it.
package struct CheckScope {
  /// Nil if no installed unit starts the daemon with these settings.
  package let unit: InstalledUnit?
  /// The socket that the service manager will pass to the daemon; nil when the daemon makes its own.
  package let socketUnit: SocketUnit?
  /// As `socketUnit`, for the socket of other units' credentials.
  package let credentialsUnit: SocketUnit?
  /// The settings with which an installed unit starts the daemon, if those aren't the ones that are checked.
  package let otherConfigPath: String?
  /// Whether this process may read what the daemon may read. If not, what it can't read is a note instead of an error.
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

/// What a start needs and only an attempt shows. Each function returns what is wrong, or nil if nothing is; none
/// changes anything.
package struct StartTrials {
  /// What is wrong, with the setting as its subject.
  package struct Finding {
    package let severity: Diagnostic.Severity
    package let problem: String
    package let remedy: String
    /// Whether the reason is that this process may not look. That is no error if the daemon may.
    package let isDenied: Bool

    package init(_ severity: Diagnostic.Severity, _ problem: String, _ remedy: String, isDenied: Bool = false) {
      (self.severity, self.problem, self.remedy, self.isDenied) = (severity, problem, remedy, isDenied)
    }
  }

  /// Tries the AccessKey in a file of which systemd will pass a copy; nil itself if this process may not read files of
  /// root.
  package var passedKey: ((_ path: String) -> Finding?)?
  /// Tries the AccessKey in a file that the daemon reads.
  package var keyFile: (_ path: String) -> Finding? = { _ in nil }
  /// Tries the AccessKey at the path of a systemd credential of this process.
  package var credential: (_ path: String) -> Finding? = { _ in nil }
  /// Tries the file of a client certificate.
  package var certificate: (_ path: String) -> Finding? = { _ in nil }
  /// Tries the file of a client certificate's key.
  package var certificateKey: (_ path: String) -> Finding? = { _ in nil }
  /// Tries the certificates by which the server of a source is verified.
  package var sourceAuthorities: (_ path: String) -> Finding? = { _ in nil }
  /// Tries a client certificate together with its key.
  package var identity: (_ certificate: String, _ key: String) -> Finding? = { _, _ in nil }
  package var proxyPassword: (_ path: String) -> Finding? = { _ in nil }
  /// Tries the certificates by which STS is verified.
  package var authorities: (STSSettings) -> Finding? = { _ in nil }
  package var socket: (_ path: String) -> Finding? = { _ in nil }
  /// Whether a process listens on a socket at this path.
  package var isListenedOn: (_ path: String) -> Bool = { _ in false }

  package init() {}
}

import Identities
import LocalSockets
import STS
package import Settings
import Systemd

/// Tries what a start needs beside sound settings, and leaves nothing behind.
package struct StartCheck {
  /// The daemon's user, where it is known; else a socket that is listened on may be the daemon's, whosever it is.
  let daemonsUID: UInt32?
  /// Runs its argument as root; nil where this process isn't root's.
  let asRoot: ((() -> StartTrials.Finding?) -> StartTrials.Finding?)?

  package init(daemonsUID: UInt32?, asRoot: ((() -> StartTrials.Finding?) -> StartTrials.Finding?)?) {
    self.daemonsUID = daemonsUID
    self.asRoot = asRoot
  }

  package var trials: StartTrials {
    var trials = StartTrials()
    trials.passedKey = asRoot.map { asRoot in { path in asRoot { StartTrials.triedPassedKey(path) } } }
    trials.keyFile = { StartTrials.triedKey(.file($0)) }
    trials.credential = { StartTrials.triedKey(.credential($0)) }
    trials.certificate = StartTrials.triedCertificate
    trials.certificateKey = StartTrials.triedCertificateKey
    trials.sourceAuthorities = StartTrials.triedAuthorities(in:)
    trials.identity = StartTrials.triedIdentity
    trials.proxyPassword = StartTrials.triedProxyPassword
    trials.authorities = StartTrials.triedAuthorities(of:)
    trials.socket = { socket($0) }
    trials.isListenedOn = { if case .inUse? = UnixListener.obstacle(at: $0) { true } else { false } }
    return trials
  }

  /// Whether a start that ended by `error` would end the same way until a person has changed something.
  package static func isForPerson(_ error: any Error) -> Bool {
    error is CredentialMissing
  }

  private func socket(_ path: String) -> StartTrials.Finding? {
    guard let obstacle = UnixListener.obstacle(at: path) else { return nil }
    if case .inUse(_, _, let uid) = obstacle, daemonsUID == nil || uid == daemonsUID { return nil }
    return .unusable(obstacle.why, obstacle.fix, isDenied: obstacle.isDenied)
  }
}

package import Core
import Fleet
import Glibc
package import Settings

extension StartTrials {
  /// Reads a client certificate and its key, which the daemon takes up later, too.
  package static func triedIdentity(_ certificate: String, _ key: String) -> Finding? {
    triedIdentity(certificate, key, now: UTCTime(seconds: Int64(time(nil))))
  }

  package static func triedIdentity(_ certificate: String, _ key: String, now: UTCTime) -> Finding? {
    switch ClientCertificate.read(certificate, key: key) {
    case .success(let read):
      guard read.notAfter > now else {
        return Finding(
          .warning, "is '\(certificate)', which ended at \(read.notAfter), so no server accepts it",
          "have a new one issued and put it there, with its key; the daemon takes it up by itself")
      }
      guard read.notBefore <= now else {
        return Finding(
          .warning, "is '\(certificate)', which isn't valid before \(read.notBefore)", "look at this host's clock")
      }
      return nil
    case .failure(let unusable):
      if case .missing = unusable.flaw {
        return Finding(.warning, "can't be used: \(unusable.problem)", unusable.remedy)
      }
      var isDenied = false
      if case .denied = unusable.flaw { isDenied = true }
      return .unusable(unusable.problem, unusable.remedy, isDenied: isDenied)
    }
  }
}

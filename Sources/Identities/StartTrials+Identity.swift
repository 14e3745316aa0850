package import Settings

/// Checks a client certificate and its key, each on its own. Their owners and modes are checked elsewhere, by the daemon's user.
extension StartTrials {
  package static func triedCertificate(_ path: String) -> Finding? {
    tried { () throws(IdentityUnusable) in _ = try IdentityFiles.readCertificates(path, checksOwner: false) }
  }

  package static func triedCertificateKey(_ path: String) -> Finding? {
    tried { () throws(IdentityUnusable) in _ = try IdentityFiles.readKey(path, checksOwner: false) }
  }

  private static func tried(_ attempt: () throws(IdentityUnusable) -> Void) -> Finding? {
    do throws(IdentityUnusable) {
      try attempt()
      return nil
    } catch { return .unusable(error.problem, error.remedy, isDenied: error.isDenied) }
  }
}

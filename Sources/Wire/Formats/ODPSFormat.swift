internal import Core
internal import Secrets

extension SessionCredential {
  /// Format `odps`: the file that ODPS_STS_ACCOUNT_FILE names for pyodps, read again when its `expiration` has passed. The other
  /// members are required; without an expiration that it can read it assumes 5 h (pyodps 0.13.2, `odps.accounts`).
  ///
  /// pyodps caches the key that it derives from the secret by date: after a reload of the file it signs with the old secret. The
  /// documents warn of that.
  func odpsDocument() -> Secret {
    document([
      ("accessKeyId", .accessKeyID), ("accessKeySecret", .accessKeySecret), ("securityToken", .securityToken),
      ("expiration", .expiration),
    ])
  }
}

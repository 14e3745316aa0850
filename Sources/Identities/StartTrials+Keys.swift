import CloudAPI
package import Settings

/// Checks the AccessKeys that a start needs, without side effects.
extension StartTrials {
  package static func triedKey(_ location: AccessKeySource.Location) -> Finding? {
    do throws(AccessKeyUnusable) {
      return doubt(try AccessKeySource.read(location), in: location.path)
    } catch {
      return .unusable(error.problem, error.remedy ?? "correct the file", isDenied: error.isDenied)
    }
  }

  /// systemd copies the file as root when the unit starts, so the fix differs from that for a file that the daemon reads.
  package static func triedPassedKey(_ path: String) -> Finding? {
    do throws(AccessKeyUnusable) {
      // Read as systemd will read it; its permissions are checked elsewhere.
      return doubt(try AccessKeySource.read(.file(path), mayOthersRead: true), in: path)
    } catch {
      let fix =
        error.isReadable
        ? error.fix ?? "correct it"
        : "put the AccessKey there, in a regular file that belongs to root and has mode 0400"
      return Finding(
        .error, "can't be used, by the unit's LoadCredential=: \(error.problem)",
        "\(fix); then run: \(SafeFix.restart)")
    }
  }

  private static func doubt(_ key: AccessKey, in path: String) -> Finding? {
    key.signOfCut.map {
      Finding(
        .warning, "names '\(path)', with an AccessKey \($0), which is unusual",
        "if it was cut off, copy the AccessKey again; 'rolekeeper status' shows whether STS accepts it")
    }
  }
}

extension StartTrials.Finding {
  /// The problem and its fix, for a file that can't be used, or not by this process.
  package static func unusable(_ problem: String, _ remedy: String, isDenied: Bool = false) -> Self {
    Self(.error, "can't be \(isDenied ? "looked at" : "used"): \(problem)", remedy, isDenied: isDenied)
  }
}

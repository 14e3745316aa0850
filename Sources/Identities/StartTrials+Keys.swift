import CloudAPI
package import Settings

/// Tries the AccessKeys that a start needs, and leaves nothing behind.
extension StartTrials {
  package static func triedKey(_ location: AccessKeySource.Location) -> Finding? {
    do throws(AccessKeyUnusable) {
      return doubt(try AccessKeySource.read(location), in: location.path)
    } catch {
      return .unusable(error.problem, error.remedy ?? "correct the file", isDenied: error.isDenied)
    }
  }

  /// systemd copies the file as root when the unit starts, so the fix is another than for a file that the daemon reads.
  package static func triedPassedKey(_ path: String) -> Finding? {
    do throws(AccessKeyUnusable) {
      // As systemd will; who else may read it is looked at elsewhere.
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
  /// What can't be used, or not by this process, and what to do.
  package static func unusable(_ problem: String, _ remedy: String, isDenied: Bool = false) -> Self {
    Self(.error, "can't be \(isDenied ? "looked at" : "used"): \(problem)", remedy, isDenied: isDenied)
  }
}

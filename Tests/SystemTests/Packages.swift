import SystemBox
import TestSupport

/// The Debian packages of the programs under test, made by `make deb`'s own rules, which compile nothing here.
struct Packages {
  /// Of the version that the tree names.
  let package: String
  let emulator: String
  /// Of the same tree, with a higher version.
  let newer: String
  /// With a lower version, without the socket unit for other units' credentials and without the generator.
  let older: String
  /// Newer still, of a build that keeps sessions for the next process in another format.
  let otherFormat: String

  private let directory: TemporaryDirectory

  /// Made once for all tests.
  static func get() throws -> Packages { try made.get() }

  private static let made = Result { try Packages() }

  private init() throws {
    directory = try TemporaryDirectory()
    let made = try Self.make(in: directory.path("this"))
    package = try Self.only("rolekeeper_", of: made)
    emulator = try Self.only("rolekeeper-emulator_", of: made)
    let version = package.split(separator: "_")[1]
    newer = try Self.only("rolekeeper_", of: Self.make(in: directory.path("newer"), version: "\(version)+newer"))
    otherFormat = directory.path("other-format.deb")
    try Self.change(newer, into: otherFormat, in: directory.path("other-format"), by: Self.otherMark)
    older = directory.path("older.deb")
    try Self.change(package, into: older, in: directory.path("older"), by: Self.ofBefore)
  }

  /// Another mark at the beginning of a store (`StoreHeader`) stands for another format.
  private static let otherMark = """
    grep -q rkhandov usr/sbin/rolekeeperd
    sed -i s/rkhandov/rkhandow/g usr/sbin/rolekeeperd
    sed -i '/^Version: /s/$/+format/' DEBIAN/control
    """

  private static let ofBefore = """
    rm usr/lib/systemd/system-generators/rolekeeper-generator usr/lib/systemd/system/rolekeeper-credentials.socket
    grep -q rolekeeper-credentials.socket DEBIAN/postinst
    sed -i "s/'rolekeeper-credentials.socket'/'rolekeeper.socket'/; s/ rolekeeper-credentials.socket//" \
      DEBIAN/postinst DEBIAN/prerm DEBIAN/postrm
    sed -i '/^Version: /s/$/~older/' DEBIAN/control
    """

  /// Makes another package of one, changed by a script that runs among its files.
  private static func change(_ package: String, into other: String, in directory: String, by change: String) throws {
    let script = """
      dpkg-deb --raw-extract "$1" "$3"
      (cd "$3"; \(change))
      dpkg-deb --root-owner-group -Zgzip -z1 --build "$3" "$2"
      """
    let run = try ChildProcess.run(["/bin/bash", "-ec", script, "bash", package, other, directory])
    guard run.status == 0 else { throw BoxError(attempt: "change \(package)", said: run.errors) }
  }

  /// The paths of the packages that it made.
  private static func make(in directory: String, version: String? = nil) throws -> [String] {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    var environment = [
      "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEB_OUT": directory, "DEB_PROGRAMS": Programs.directory,
    ]
    environment["DEB_VERSION"] = version
    let run = try ChildProcess.run(["\(root)/.ci/deb"], environment: environment)
    guard run.status == 0 else { throw BoxError(attempt: "make packages", said: run.errors) }
    return run.output.split(separator: "\n").map(String.init)
  }

  private static func only(_ prefix: String, of paths: [String]) throws -> String {
    guard let path = paths.first(where: { $0.split(separator: "/").last?.hasPrefix(prefix) == true }) else {
      throw BoxError(attempt: "find \(prefix)….deb", said: "\(paths)")
    }
    return path
  }
}

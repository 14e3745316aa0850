import Glibc
import SystemBox
import TestSupport

/// The Debian packages under test: those that `make deb` has compiled, where ROLEKEEPER_DEB names their directory. Where it isn't set, the programs
/// under test are packaged, by the same rules, and nothing is compiled.
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

  /// Where `make deb` has put them and lintian's report; nil if it hasn't made them.
  private let compiled: String?
  private let directory: TemporaryDirectory

  /// What Debian's own checker reports of them. `make deb` has asked it about those that it compiled.
  func lintian() throws -> String {
    if let compiled {
      guard let report = FileText.read("\(compiled)/lintian") else {
        throw BoxError(attempt: "read lintian's report", said: "\(compiled) has none")
      }
      return report
    }
    let run = try ChildProcess.run([
      "/usr/bin/lintian", "--allow-root", "--fail-on", "error,warning", package, emulator,
    ])
    return run.status == 0 ? run.output + run.errors : "status \(run.status)\n\(run.output)\(run.errors)"
  }

  /// Made once for all tests.
  static func get() throws -> Packages { try made.get() }

  private static let made = Result { try Packages() }

  private init() throws {
    directory = try TemporaryDirectory()
    compiled = try Self.compiled()
    let made =
      try compiled.map { place in FileNames.read(place).map { "\(place)/\($0)" } }
      ?? Self.make(in: directory.path("this"))
    package = try Self.only("rolekeeper_", of: made)
    emulator = try Self.only("rolekeeper-emulator_", of: made)
    newer = directory.path("newer.deb")
    try Self.change(
      package, into: newer, in: directory.path("newer"), by: "sed -i '/^Version: /s/$/+newer/' DEBIAN/control")
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

  /// The directory that ROLEKEEPER_DEB names; throws if what is there isn't of this tree.
  private static func compiled() throws -> String? {
    guard let place = getenv("ROLEKEEPER_DEB").map({ String(cString: $0) }), !place.isEmpty else { return nil }
    let tree = try script(["--tree"])
    guard FileText.read("\(place)/tree") == tree else {
      throw BoxError(attempt: "test the packages in \(place)", said: "they aren't of this tree; run: make deb")
    }
    return place
  }

  /// The paths of the packages that it made.
  private static func make(in directory: String) throws -> [String] {
    try script([], ["DEB_OUT": directory, "DEB_PROGRAMS": Programs.directory]).split(separator: "\n").map(String.init)
  }

  /// What `make deb`'s script prints.
  private static func script(_ arguments: [String], _ variables: [String: String] = [:]) throws -> String {
    let environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"].merging(variables) { $1 }
    let run = try ChildProcess.run(["\(InstalledHost.sources)/.ci/deb"] + arguments, environment: environment)
    guard run.status == 0 else { throw BoxError(attempt: "make packages", said: run.errors) }
    return run.output
  }

  private static func only(_ prefix: String, of paths: [String]) throws -> String {
    guard
      let path = paths.first(where: {
        $0.hasSuffix(".deb") && $0.split(separator: "/").last?.hasPrefix(prefix) == true
      })
    else {
      throw BoxError(attempt: "find \(prefix)….deb", said: "\(paths)")
    }
    return path
  }
}

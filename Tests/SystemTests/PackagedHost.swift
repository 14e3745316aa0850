import SystemBox
import TestSupport

/// A host of its own with the Debian package, and STS played by the emulator.
struct PackagedHost {
  let box: Box
  let release: Release
  private let packages: Packages

  /// `required` is what has to be up when it has booted.
  init(_ release: Release, required: String? = nil) throws {
    self.release = release
    packages = try Packages.get()
    box = try Box("package-\(release)", options: release.options + (required.map { ["--require", $0] } ?? []))
    try box.copy(packages.package, to: "/root/this.deb")
    try box.copy(packages.emulator, to: "/root/emulator.deb")
    try box.copy(packages.newer, to: "/root/newer.deb")
    try box.copy(packages.older, to: "/root/older.deb")
    try box.copy(packages.otherFormat, to: "/root/other-format.deb")
    // The tree of Debian 13 has no package of certificates.
    try box.ask("mkdir -p /etc/ssl/certs")
    try box.copy("/etc/ssl/certs/ca-certificates.crt", to: "/etc/ssl/certs/ca-certificates.crt")
    // Images for containers forbid services to start; man's index takes longer than all the rest.
    try box.ask("rm -f /usr/sbin/policy-rc.d /var/lib/man-db/auto-update")
    try InstalledHost.playSTS(in: box)
  }

  /// Installs, upgrades or downgrades, and returns what was printed.
  @discardableResult
  func install(_ package: String) throws -> String {
    // Whose certificates are there by hand; all else that the package depends on has to be installed.
    try box.ask("dpkg --install --ignore-depends=ca-certificates /root/\(package).deb 2>&1")
  }

  /// Puts an AccessKey and the usual roles in place of the settings without one, as an administrator does.
  func configure(_ settings: String = SettingsText.usual) throws {
    let files = try TemporaryDirectory()
    try box.copy(
      files.write(InstalledHost.accessKey, to: "access-key", mode: 0o400), to: "/etc/rolekeeper/access-key")
    try box.copy(files.write(settings, to: "settings"), to: Service.settings)
    try box.ask("\(InstalledHost.makeUsers)\nrolekeeper check\nsystemctl restart \(Service.unit)")
  }

  /// Reads a credential again and again, as a user who may, while `body` runs, and returns how each read ended: `200`, or what went wrong.
  func reading(during body: () throws -> Void) throws -> [Substring] {
    let url = "http://localhost/v1/roles/uploader/credentials?wait=20"
    try box.ask(
      """
      rm -f /run/reads
      systemd-run --quiet --unit=reads --uid=reader -p StandardOutput=append:/run/reads -p StandardError=append:/run/reads \
        bash -c 'while :; do curl -sS -o /dev/null -w "%{http_code}\\n" --unix-socket \(Service.socket) "\(url)"; done'
      until [ -s /run/reads ]; do :; done
      """)
    try body()
    return try box.ask("systemctl stop reads; cat /run/reads").split(separator: "\n")
  }

  func credential() throws -> Credential {
    Credential(document: try box.ask("rolekeeper get uploader"))
  }

  func generation() throws -> Int {
    let header = try box.ask(
      """
      curl -sS -o /dev/null -D - --unix-socket \(Service.socket) http://localhost/v1/roles/uploader/credentials \
        | tr -d '\\r' | sed -n 's/^rolekeeper-generation: //Ip'
      """)
    return Int(header) ?? 0
  }

  func property(_ name: String, of unit: String = Service.unit) throws -> String {
    try box.ask("systemctl show --property=\(name) --value \(unit)")
  }
}

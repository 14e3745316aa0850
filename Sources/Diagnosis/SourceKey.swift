package import CloudAPI
package import Core
import Identities
package import Settings

/// What a source signs with, as the daemon would get it.
package indirect enum SourceKey {
  case key(AccessKey, place: String)
  /// A token in a file, which is read when it is tried.
  case token(IdentityTokenSettings, source: String)
  /// What a service hands out, which is asked when it is tried.
  case served(SourceSettings)
  /// The session of a role that was tried before.
  case session(of: RoleName)
  /// A tier, which is asked for a bundle when it is tried; `fallback` is what signs while it is away.
  case tier(SourceSettings, fallback: SourceKey?)
  /// Why there is none that can be tried.
  case missing(Finding.Verdict, String, next: String)

  /// Reads the key of `source`, which is one of `sources`. `unit` is the installed unit for these settings, and `asRoot` runs its argument as root; nil where
  /// this process can't. Unless this process `isDaemonsUser`, what a service gives it wouldn't be what the daemon gets.
  package init(
    of source: SourceSettings, among sources: [SourceSettings], unit: InstalledUnit?, isDaemonsUser: Bool,
    asRoot: ((() -> SourceKey) -> SourceKey)?
  ) {
    let location: SourceSettings.KeyLocation? = source.accessKey
    switch location {
    case .file(let path): self = Self.read(.file(path), mayOthersRead: false, place: nil)
    case .credential(_, .some(let path)): self = Self.read(.credential(path), mayOthersRead: true, place: nil)
    case .credential(let name, nil):
      switch unit?.credentials[name] {
      case .file(let path):
        // systemd reads it as root, whoever its owner is.
        let read = { Self.read(.file(path), mayOthersRead: true, place: "'\(path)', then run: \(Self.restart)") }
        self = asRoot?(read) ?? read()
      case .other:
        self = .missing(
          .skipped, "the unit doesn't take credential '\(name)' from a file that it names",
          next: "start the service; 'rolekeeper status' then shows whether STS accepts the AccessKey")
      case nil:
        self = .missing(
          .skipped, "no installed unit passes credential '\(name)' with these settings",
          next: "run this where the unit is installed, or write file = \"PATH\" in the settings")
      }
    case nil:
      guard isDaemonsUser || source.role != nil else {
        self = Self.others(source)
        return
      }
      let signer = source.upstream?.fallback.flatMap { fallback in sources.first { $0.name == fallback.source } }
      self = Self.other(
        source,
        fallback: signer.map {
          SourceKey(of: $0, among: sources, unit: unit, isDaemonsUser: isDaemonsUser, asRoot: asRoot)
        })
    }
  }

  private static func other(_ source: SourceSettings, fallback: SourceKey?) -> SourceKey {
    switch source.kind {
    case .role(let role): .session(of: role)
    case .identityToken(let token): .token(token, source: source.name)
    case .upstream: .tier(source, fallback: fallback)
    case .accessKey, .instanceRole, .credentialsURI, .kms: .served(source)
    }
  }

  private static func others(_ source: SourceSettings) -> SourceKey {
    .missing(
      .skipped, "is of type \(source.kind.type.rawValue); what you get there isn't what the daemon's user gets",
      next: "run this by sudo")
  }

  private static let restart = "sudo systemctl restart rolekeeper"

  private static func read(
    _ location: AccessKeySource.Location, mayOthersRead: Bool, place: String?
  ) -> SourceKey {
    do throws(AccessKeyUnusable) {
      let key = try AccessKeySource.read(location, mayOthersRead: mayOthersRead)
      return .key(key, place: place ?? location.keyPlace)
    } catch {
      guard !error.isDenied else {
        return .missing(.skipped, error.problem, next: "run this by sudo; only root and the daemon's user may read it")
      }
      return .missing(.failed, error.problem, next: error.remedy ?? "correct the file")
    }
  }
}

import CloudAPI
package import Core
import HTTPClient
package import Identities
package import Logs
package import Settings
package import Systemd

/// Makes the sources whose credential a service hands out, each with a connection of its own: never through the proxy of `[sts]`.
package enum SourceFactory {
  /// The limits of requests to services on this host and its link, as the vendor's SDKs have them.
  private static let local = (connect: Duration.seconds(1), whole: Duration.seconds(3))

  /// Nil for a source of another type.
  package static func fetchedSource(
    _ settings: SourceSettings, sts: STSSettings, loop: EventLoop, log: Log, serverTime: @escaping () -> UTCTime,
    isTimeFromServer: @escaping () -> Bool
  ) throws -> FetchedSource? {
    guard let fetcher = try fetcher(settings, sts: sts, loop: loop, log: log) else { return nil }
    return try FetchedSource(
      settings, by: fetcher, scheduler: loop, log: log, serverTime: serverTime, isTimeFromServer: isTimeFromServer)
  }

  /// Nil for a source of another type.
  static func fetcher(
    _ source: SourceSettings, sts: STSSettings, loop: EventLoop, log: Log? = nil
  ) throws -> (any CredentialFetcher)? {
    switch source.kind {
    case .accessKey, .role, .identityToken, .upstream: return nil
    case .instanceRole(let role):
      return MetadataFetcher(
        http: try client(loop) { $0.plainSite = role.site }, site: role.site, roleName: role.roleName,
        allowsV1: role.allowsV1, now: { loop.time })
    case .kms(let kms):
      return try KMSFetcher(
        http: try client(loop) { $0.plainSite = kms.site }, site: kms.site, secret: kms.secret,
        tokenFile: kms.tokenFile, scheduler: loop)
    case .credentialsURI(let uri):
      switch uri.place {
      case .socket(let socket, let path):
        let site = "http://localhost"
        let http = try client(loop) {
          $0.plainSite = site
          $0.socketPath = socket
        }
        return URIFetcher(http: http, url: site + path, service: uri.server, isSocket: true)
      case .https(let url, let caFile, let certificate, let key):
        let http = try client(loop, settings(caFile: caFile, timesOf: sts), of: source.name, log: log)
        var files: IdentityFiles?
        if let certificate, let key {
          files = try IdentityFiles(
            certificate: certificate, key: key, source: source.name, scheduler: loop, log: log)
        }
        return URIFetcher(http: http, url: url, service: uri.server, identityFiles: files)
      }
    }
  }

  /// Asks the tier of the source `name`, with the timeouts of `[sts]`.
  package static func tierConnection(
    _ upstream: UpstreamSettings, of name: String, sts: STSSettings, loop: EventLoop, log: Log? = nil,
    serverTime: @escaping () -> UTCTime
  ) throws -> HTTPSTierConnection {
    var settings = settings(caFile: upstream.caFile, timesOf: sts)
    settings.bodyLimit = Bundle.mostBytes
    let files = try IdentityFiles(
      certificate: upstream.certificate, key: upstream.key, source: name, scheduler: loop, log: log)
    return try HTTPSTierConnection(
      upstream, identityFiles: files, now: { loop.time }, serverTime: serverTime
    ) { try client(loop, settings, of: name, log: log) }
  }

  private static func settings(caFile: String?, timesOf sts: STSSettings) -> HTTPClient.Settings {
    var settings = HTTPClient.Settings(
      connectTimeout: sts.connectTimeout, timeout: sts.timeout, lookupTimeout: sts.lookupTimeout)
    if let caFile { settings.caFile = caFile }
    return settings
  }

  /// Logs when a changed CA file can't be used, and the certificates before go on verifying.
  private static func client(
    _ loop: EventLoop, _ settings: HTTPClient.Settings, of source: String, log: Log?
  ) throws -> HTTPClient {
    let client = try HTTPClient(loop, settings: settings)
    client.authoritiesChanged = { [unowned client] problem in
      if let problem {
        // Without any, each request reports it.
        guard client.hasAuthorities else { return }
        log?.write(.caFileNotReread, [.source(source), .reason("\(problem)")])
      } else {
        log?.write(.caFileReread, [.source(source), .path(settings.caFile)])
      }
    }
    return client
  }

  private static func client(
    _ loop: EventLoop, _ adjust: (inout HTTPClient.Settings) -> Void
  ) throws -> HTTPClient {
    var settings = HTTPClient.Settings(
      connectTimeout: local.connect, timeout: local.whole, lookupTimeout: local.connect)
    adjust(&settings)
    return try HTTPClient(loop, settings: settings)
  }
}

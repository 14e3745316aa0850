import CloudAPI
package import Core
import Fleet
package import HTTPClient
package import Settings

/// Asks a tier over HTTPS, with this host's certificate.
///
/// Connections are kept, and a bundle is asked for over the one before. Once the certificate's or the key's file is another, all of them are
/// closed: what a renewed certificate replaces isn't presented any more.
package final class HTTPSTierConnection: TierConnection {
  private let upstream: UpstreamSettings
  private let makeClient: () throws -> HTTPClient
  private let now: () -> Timestamp
  private let serverTime: () -> UTCTime
  private var http: HTTPClient
  private var versions: [FileVersion?]

  /// How much longer than the tier holds an answer back it may take.
  private static let slack = Duration.seconds(15)

  /// `makeClient` makes a client that presents the certificate of `upstream`; throws what it throws.
  package init(
    _ upstream: UpstreamSettings, now: @escaping () -> Timestamp, serverTime: @escaping () -> UTCTime,
    makeClient: @escaping () throws -> HTTPClient
  ) throws {
    self.upstream = upstream
    self.now = now
    self.serverTime = serverTime
    self.makeClient = makeClient
    versions = Self.versions(of: upstream)
    http = try makeClient()
  }

  private static func versions(of upstream: UpstreamSettings) -> [FileVersion?] {
    [FileVersion(upstream.certificate), FileVersion(upstream.key)]
  }

  package func ask(_ query: TierQuery, at url: String, _ completion: @escaping (TierReply) -> Void) -> AnyObject {
    renewClient()
    let exchange = LocalExchange(http)
    let sent = now()
    exchange.send(request(query, at: url)) { [unowned self] outcome, body in
      let server = "the tier's machine \(url.dropFirst("https://".count))"
      switch outcome {
      case .failure(let failure):
        completion(TierReply(.failed(unanswered(failure, by: server)), sent: sent, date: nil))
      case .success(let answer):
        let date = answer.date.flatMap { UTCTime(httpDate: $0) }
        completion(TierReply(read(answer, body, to: query, from: server), sent: sent, date: date))
      }
    }
    return exchange
  }

  /// What is under way ends with the client that it began with.
  private func renewClient() {
    let now = Self.versions(of: upstream)
    guard now != versions else { return }
    // If there is no memory for another one, the next request tries again.
    guard let renewed = try? makeClient() else { return }
    versions = now
    http = renewed
  }

  private func request(_ query: TierQuery, at url: String) -> HTTPRequest {
    switch query {
    case .bundle(let etag, let wait):
      var request = HTTPRequest(
        .get, "\(url)\(Bundle.path)\(wait.map { "?wait=\($0.wholeSeconds)" } ?? "")",
        headers: etag.map { ["Accept: application/json", "If-None-Match: \($0)"] } ?? ["Accept: application/json"])
      request.keptFields = ["etag", "rolekeeper-refresh-after"]
      request.stallTimeout = wait.map { $0 + Self.slack }
      return request
    case .report(let role, let accessKeyID):
      return HTTPRequest(.post, "\(url)\(Bundle.reportPath(of: role, accessKeyID: accessKeyID))")
    }
  }

  // MARK: - Answers

  private func read(_ answer: HTTPAnswer, _ body: Span<UInt8>, to query: TierQuery, from server: String) -> TierAnswer {
    if case .report = query, (200...299).contains(answer.status) { return .reported }
    switch (query, answer.status) {
    case (.bundle, 200):
      do throws(BundleUnusable) {
        return .bundle(try Bundle(reading: body), etag: answer.keptFields.first ?? nil)
      } catch {
        return .failed(
          Failure(
            .transient, code: error.code, httpStatus: 200,
            advice: "\(server): its answer can't be used: \(error.why); look at what answers there"))
      }
    case (.bundle(.some, _), 304):
      return .unchanged(refreshAfter: answer.keptFields.dropFirst().first?.flatMap { Bundle.refreshAfter($0) })
    default: return .failed(refused(answer, by: server))
    }
  }

  private func refused(_ answer: HTTPAnswer, by server: String) -> Failure {
    let wait = answer.standardRetryAfter.flatMap {
      RetryAfter.wait($0, saidAt: answer.date.flatMap { UTCTime(httpDate: $0) } ?? serverTime())
    }
    func failure(_ kind: Failure.Kind, _ code: String, _ advice: String) -> Failure {
      Failure(kind, code: code, httpStatus: answer.status, notBefore: wait, advice: "\(server) \(advice)")
    }
    switch answer.status {
    // What nginx answers to a certificate that doesn't verify, or to none (ngx_http_ssl_module, error_page).
    case 400:
      return failure(
        .permanent, "TierCertificate",
        "doesn't accept \(certificate); see whether it has expired or was revoked, and whether the tier trusts its CA")
    case 403:
      return failure(
        .permanent, "TierForbidden",
        "gives this host no role by \(certificate); name the host in a role's 'allow.hosts' on the tier")
    case 404:
      return failure(
        .permanent, "NoBundle", "serves no bundles; look at 'urls', and at the version of rolekeeper on the tier")
    case 429: return failure(.transient, "TierBusy", "is busy; the daemon asks again by itself")
    case 503:
      return failure(
        .transient, "TierNotReady",
        "has no valid session of this host's roles; run 'rolekeeper status' on the tier")
    case 500...599:
      return failure(
        .transient, "TierStatus", "answered with HTTP \(answer.status); look at nginx and rolekeeper there")
    default:
      return failure(.permanent, "TierStatus", "answered with HTTP \(answer.status); look at what answers there")
    }
  }

  /// The certificate and whose it is.
  private var certificate: String {
    let file = "the certificate '\(upstream.certificate)'"
    guard let read = ClientCertificate(file: upstream.certificate) else { return file }
    return "\(file) of '\(read.subject)'\(read.notAfter <= serverTime() ? ", which ended at \(read.notAfter)" : "")"
  }

  private func unanswered(_ failure: TransportFailure, by server: String) -> Failure {
    Failure(failure, of: server, fix: fix(failure.kind))
  }

  private func fix(_ kind: TransportFailure.Kind) -> String {
    switch kind {
    case .tlsVerification:
      "nothing was sent; look at 'ca_file' and 'urls' of the source, and at this host's clock"
    case .tlsOther:
      "look at 'certificate' and 'key' of the source, which have to belong together, and whether the tier accepts \(certificate)"
    case .caFile: "look at 'ca_file' of the source"
    default: "look at 'urls' of the source, and at the network between here and there"
    }
  }
}

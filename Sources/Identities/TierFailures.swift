import CloudAPI
import Core
import Fleet
import HTTPClient
import Settings
import Wire

/// What a request to one machine of a tier failed by, and what to look at.
struct TierFailures {
  private let server: String
  private let upstream: UpstreamSettings
  private let presented: ClientCertificate?
  private let serverTime: UTCTime

  /// `url` is the machine's, as in the settings; `presented` is the certificate by which it was asked, nil if nothing is known of it.
  init(_ url: String, _ upstream: UpstreamSettings, presented: ClientCertificate?, serverTime: UTCTime) {
    server = "the tier's machine \(url.dropFirst("https://".count))"
    self.upstream = upstream
    self.presented = presented
    self.serverTime = serverTime
  }

  // MARK: - Answers

  func unusable(_ error: BundleUnusable) -> Failure {
    Failure(
      .transient, code: error.code, httpStatus: 200,
      advice: "\(server): its answer can't be used: \(error.why); look at what answers there")
  }

  /// An answer that is neither a bundle nor 304.
  func refused(_ answer: HTTPAnswer, _ body: Span<UInt8>) -> Failure {
    let wait = answer.standardRetryAfter.flatMap {
      RetryAfter.wait($0, saidAt: answer.date.flatMap { UTCTime(httpDate: $0) } ?? serverTime)
    }
    return refused(answer.status, answer.status == 503 ? try? Problem(parsing: body) : nil, wait: wait)
  }

  /// `problem` is the document of a 503; nil if it has none, as one of nginx.
  func refused(_ status: Int, _ problem: Problem? = nil, wait: Duration? = nil) -> Failure {
    func failure(_ kind: Failure.Kind, _ code: String, _ advice: String) -> Failure {
      Failure(kind, code: code, httpStatus: status, notBefore: wait, advice: "\(server) \(advice)")
    }
    switch status {
    // What nginx answers to a certificate that doesn't verify, or to none (ngx_http_ssl_module, error_page).
    case 400:
      return failure(
        .permanent, "TierCertificate",
        "doesn't accept \(certificate); see whether it has expired or was revoked, whether the tier trusts its CA, and whether the tier's revocation list is past its nextUpdate"
      )
    case 403:
      return failure(
        .permanent, "TierForbidden",
        "gives this host no role by \(certificate); name the host in a role's 'allow.hosts' on the tier")
    case 404:
      return failure(
        .permanent, "NoBundle", "serves no bundles; look at 'urls', and at the version of rolekeeper on the tier")
    case 429: return failure(.transient, "TierBusy", "is busy; the daemon asks again by itself")
    case 503:
      switch problem?.kind {
      case .noSession:
        let detail = problem?.detail ?? ""
        return failure(
          .transient, "TierNotReady",
          "has no valid session of this host's roles\(detail.isEmpty ? "" : " (\(detail))"); run 'rolekeeper status' on the tier"
        )
      case .stopping:
        return failure(
          .transient, "TierStopping", "stops or restarts; the daemon asks again by itself")
      case .settingsUnusable:
        return failure(
          .transient, "TierSettings", "can't use its settings; run 'rolekeeper check' on the tier")
      // The server's own answer, before any request is read, has no kind.
      case nil where problem != nil:
        return failure(
          .transient, "TierBusy",
          "has all its connections in use; if that lasts, raise 'max_connections' on the tier, or spread the hosts by the order of 'urls'"
        )
      default:
        return failure(.transient, "TierStatus", "answered with HTTP 503; look at nginx and rolekeeper there")
      }
    case 500...599:
      return failure(.transient, "TierStatus", "answered with HTTP \(status); look at nginx and rolekeeper there")
    default:
      return failure(.permanent, "TierStatus", "answered with HTTP \(status); look at what answers there")
    }
  }

  /// The certificate that was presented, and whose it is. Its file may have been replaced since.
  private var certificate: String {
    let file = "the certificate '\(upstream.certificate)'"
    guard let presented else { return file }
    let end = presented.notAfter <= serverTime ? ", which ended at \(presented.notAfter)" : ""
    let isReplaced = ClientCertificate(file: upstream.certificate).map { $0 != presented } ?? false
    return
      "\(file) of '\(presented.name)'\(end)\(isReplaced ? " (as it was presented; the file has another one by now)" : "")"
  }

  // MARK: - No answers

  /// Files of this host that can't be used keep every machine from being asked: that is no failure of the tier, and an administrator has to act.
  func unanswered(_ failure: TransportFailure) -> Failure {
    if failure.isOfClientFiles { return Self.ownFiles(ownFlaw(failure)) }
    return Failure(failure, of: server, fix: fix(failure.kind))
  }

  /// `flaw` names the file and what to do.
  static func ownFiles(_ flaw: String) -> Failure {
    Failure(
      .permanent, code: Failure.tierFilesCode,
      advice: "the tier can't be asked, since files of this host can't be used: \(flaw)")
  }

  private func ownFlaw(_ failure: TransportFailure) -> String {
    if failure.kind == .caFile {
      guard let file = upstream.caFile, ClientCertificate(file: file) == nil else {
        return "\(failure.text); look at 'ca_file' of the source"
      }
      return
        "CA file '\(file)': it can't be read, or holds no certificate in PEM form; put the certificate of the tier's CA there"
    }
    guard case .failure(let flaw) = ClientCertificate.read(upstream.certificate, key: upstream.key) else {
      return "\(failure.text); look at 'certificate' and 'key' of the source"
    }
    return "\(flaw.problem); \(flaw.remedy)"
  }

  private func fix(_ kind: TransportFailure.Kind) -> String {
    switch kind {
    case .tlsVerification:
      "nothing was sent; see whether the tier's own certificate (tier.crt there) has ended or is of another CA than 'ca_file' of the source, and look at 'urls' and at this host's clock"
    case .tlsOther: "the TLS handshake failed; see whether the tier accepts \(certificate)"
    default: "look at 'urls' of the source, and at the network between here and there"
    }
  }
}

import CloudAPI
package import Core
package import HTTPClient
package import Settings

/// Asks a tier over HTTPS, with this host's certificate.
///
/// Connections are kept, and a bundle is asked for over the one before. Once there is another certificate or key that can be used, all of them are
/// closed: what a renewed certificate replaces isn't presented any more.
package final class HTTPSTierConnection: TierConnection {
  private let upstream: UpstreamSettings
  private let makeClient: () throws -> HTTPClient
  private let now: () -> Timestamp
  private let serverTime: () -> UTCTime
  private var http: HTTPClient
  package let identityFiles: IdentityFiles

  /// How much longer than the tier holds an answer back it may take.
  private static let slack = Duration.seconds(15)

  /// `identityFiles` are those of `upstream`; throws what `makeClient` throws.
  package init(
    _ upstream: UpstreamSettings, identityFiles: IdentityFiles, now: @escaping () -> Timestamp,
    serverTime: @escaping () -> UTCTime, makeClient: @escaping () throws -> HTTPClient
  ) throws {
    self.upstream = upstream
    self.now = now
    self.serverTime = serverTime
    self.makeClient = makeClient
    self.identityFiles = identityFiles
    http = try makeClient()
    http.identity = identityFiles.identity
  }

  package func ask(_ query: TierQuery, at url: String, _ completion: @escaping (TierReply) -> Void) -> AnyObject {
    renewClient()
    let exchange = LocalExchange(http)
    let sent = now()
    if http.identity == nil {
      let failure = TierFailures.ownFiles(identityFiles.failure.advice)
      exchange.giveUp { completion(TierReply(.failed(failure), sent: sent, date: nil)) }
      return exchange
    }
    let presented = http.identity === identityFiles.identity ? identityFiles.pair?.certificate : nil
    exchange.send(request(query, at: url)) { [unowned self] outcome, body in
      let failures = TierFailures(url, upstream, presented: presented, serverTime: serverTime())
      switch outcome {
      case .failure(let failure):
        completion(TierReply(.failed(failures.unanswered(failure)), sent: sent, date: nil))
      case .success(let answer):
        let date = answer.date.flatMap { UTCTime(httpDate: $0) }
        completion(TierReply(read(answer, body, to: query, failures), sent: sent, date: date))
      }
    }
    return exchange
  }

  /// What is under way ends with the client that it began with.
  private func renewClient() {
    identityFiles.look()
    guard identityFiles.identity !== http.identity else { return }
    // If there is no memory for another one, the next request tries again.
    guard let renewed = try? makeClient() else { return }
    renewed.identity = identityFiles.identity
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

  private func read(
    _ answer: HTTPAnswer, _ body: Span<UInt8>, to query: TierQuery, _ failures: TierFailures
  ) -> TierAnswer {
    if case .report = query, (200...299).contains(answer.status) { return .reported }
    switch (query, answer.status) {
    case (.bundle, 200):
      do throws(BundleUnusable) {
        return .bundle(try Bundle(reading: body), etag: answer.keptFields.first ?? nil)
      } catch {
        return .failed(failures.unusable(error))
      }
    case (.bundle(.some, _), 304):
      return .unchanged(refreshAfter: answer.keptFields.dropFirst().first?.flatMap { Bundle.refreshAfter($0) })
    default: return .failed(failures.refused(answer, body))
    }
  }
}

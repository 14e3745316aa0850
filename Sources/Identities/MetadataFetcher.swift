import CloudAPI
package import Core
package import HTTPClient
import Secrets

/// The credential of the RAM role that an ECS instance has, from the instance's metadata service.
///
/// Version 2 of the service: a token is put for, and each request carries it ("Instance metadata" and "Instance RAM roles" in the
/// vendor's ECS documentation). Unlike the vendor's SDKs, requests without a token are made only if the settings allow them, and only
/// if the service has no tokens: not after just any failure.
package final class MetadataFetcher: CredentialFetcher {
  package static let standardAddress = "100.100.100.200"
  private static let tokenPath = "/latest/api/token"
  private static let credentialsPath = "/latest/meta-data/ram/security-credentials/"
  /// The longest that the service gives a token for, in seconds.
  private static let tokenLife = 21_600

  package let service = "the metadata service"
  private let http: HTTPClient
  private let site: String
  private let roleName: String?
  private let allowsV1: Bool
  private let now: () -> Timestamp
  private var token: (value: Secret, end: Timestamp)?

  /// `site` is `http://ADDRESS[:PORT]`; `roleName` is nil to ask the service for it.
  package init(http: HTTPClient, site: String, roleName: String?, allowsV1: Bool, now: @escaping () -> Timestamp) {
    self.http = http
    self.site = site
    self.roleName = roleName
    self.allowsV1 = allowsV1
    self.now = now
  }

  /// What to look at if nothing answers.
  private var fix: String {
    let address = site.dropFirst("http://".count)
    return address == Self.standardAddress
      ? "a source of this type works on an ECS instance only; look at the route to \(address)"
      : "look at what listens at \(address), which is 'metadata_address' of the source"
  }

  package func fetch(_ completion: @escaping (FetchOutcome) -> Void) -> AnyObject {
    let run = Run(self, completion)
    run.begin()
    return run
  }

  /// One fetch: token, name of the role, credential.
  private final class Run {
    private let fetcher: MetadataFetcher
    private let exchange: LocalExchange
    private let completion: (FetchOutcome) -> Void
    private var hasRenewedToken = false
    private var usesToken = true

    init(_ fetcher: MetadataFetcher, _ completion: @escaping (FetchOutcome) -> Void) {
      self.fetcher = fetcher
      self.completion = completion
      exchange = LocalExchange(fetcher.http)
    }

    func begin() {
      if let token = fetcher.token, fetcher.now() < token.end { askForName() } else { askForToken() }
    }

    private func askForToken() {
      let request = HTTPRequest(
        .put, fetcher.site + tokenPath,
        headers: ["X-aliyun-ecs-metadata-token-ttl-seconds: \(tokenLife)"])
      let asked = fetcher.now()
      exchange.send(request) { [unowned self] outcome, body in
        switch outcome {
        case .failure(let failure): fail(failure)
        case .success(let answer) where answer.status == 200:
          guard (1...4096).contains(body.count), body.indices.allSatisfy({ body[$0].isVisible }) else {
            return fail("MetadataToken", "its token isn't a line of visible characters; look at what answers there")
          }
          fetcher.token = (Secret(copying: body), asked + .seconds(tokenLife - 60))
          askForName()
        case .success(let answer) where [403, 404, 405].contains(answer.status) && fetcher.allowsV1:
          usesToken = false
          askForName()
        case .success(let answer):
          fail(
            "MetadataToken",
            "it gave no token (HTTP \(answer.status)); write allow_imds_v1 = true if this instance has the old mode only",
            answer.status)
        }
      }
    }

    private func askForName() {
      if let name = fetcher.roleName { return askForCredential(of: name) }
      get(credentialsPath) { [unowned self] body in
        let name = Self.text(body).split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        guard (1...64).contains(name.utf8.count),
          name.utf8.allSatisfy({ $0.isLetterOrDigit || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E })
        else { return fail("MetadataRole", "its answer isn't the name of a role; write role_name") }
        askForCredential(of: name)
      }
    }

    private func askForCredential(of name: String) {
      get(credentialsPath + name) { [unowned self] body in
        do throws(ServedCredentialUnusable) {
          completion(.fetched(try ServedCredential.session(from: body)))
        } catch {
          fail(error.code, "its answer for role '\(name)' can't be used: \(error.why)")
        }
      }
    }

    private static func text(_ body: Span<UInt8>) -> String {
      String(decoding: (0..<min(body.count, 65)).map { body[$0] }, as: UTF8.self)
    }

    private func get(_ path: String, _ read: @escaping (Span<UInt8>) -> Void) {
      let token = usesToken ? fetcher.token?.value : nil
      let request = HTTPRequest(
        .get, fetcher.site + path,
        secretHeaders: token.map { [(name: "X-aliyun-ecs-metadata-token", value: $0)] } ?? [])
      exchange.send(request) { [unowned self] outcome, body in
        switch outcome {
        case .failure(let failure): fail(failure)
        case .success(let answer) where answer.status == 200: read(body)
        case .success(let answer) where answer.status == 401 && usesToken && !hasRenewedToken:
          // It may have been restarted, and forgotten its tokens.
          hasRenewedToken = true
          fetcher.token = nil
          askForToken()
        case .success(let answer) where answer.status == 404:
          fail(
            "NoInstanceRole",
            fetcher.roleName.map {
              "it has no RAM role '\($0)' for this instance; attach that role to the instance in the ECS console, or correct 'role_name'"
            } ?? "this instance has no RAM role; attach one in the ECS console", 404, kind: .permanent)
        case .success(let answer):
          fail("MetadataStatus", "it answered with HTTP \(answer.status)", answer.status)
        }
      }
    }

    private func fail(_ failure: TransportFailure) {
      completion(
        .failed(
          Failure(
            failure, of: fetcher.service,
            fix: fetcher.fix, by: .metadata)))
    }

    private func fail(_ code: String, _ why: String, _ status: Int? = nil, kind: Failure.Kind = .transient) {
      completion(.failed(Failure(kind, code: code, httpStatus: status, advice: "\(fetcher.service): \(why)")))
    }
  }
}

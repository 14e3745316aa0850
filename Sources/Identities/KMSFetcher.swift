import CloudAPI
import Core
package import HTTPClient
import Secrets
package import Systemd

/// A RAM user's AccessKey that KMS rotates, from KMS Agent on this host ("Use KMS Agent to retrieve secrets" in the vendor's KMS
/// documentation).
///
/// The agent has a cache, by default for five minutes, and serves what is in it while KMS can't be reached. So after a rotation it may
/// hand out the key before for so long.
package final class KMSFetcher: CredentialFetcher {
  package let service = "KMS Agent"
  private let http: HTTPClient
  private let url: String
  private let tokenPath: String
  private let tokenFile: TokenFile

  /// `secret` is the secret's name, of letters, digits and `/_+=.@-`.
  package init(http: HTTPClient, site: String, secret: String, tokenFile: String, scheduler: any Scheduler) throws {
    self.http = http
    tokenPath = tokenFile
    self.tokenFile = try TokenFile(tokenFile, lengths: 1...4096, mayOthersWrite: true, scheduler: scheduler)
    let name = secret.utf8.map { byte in
      byte.isLetterOrDigit || [0x2D, 0x2E, 0x5F].contains(byte)
        ? String(decoding: [byte], as: UTF8.self)
        : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }.joined()
    url = "\(site)/secretsmanager/get?secretId=\(name)"
  }

  package func fetch(_ completion: @escaping (FetchOutcome) -> Void) -> AnyObject {
    let run = Run(self, completion)
    run.ask()
    return run
  }

  private final class Run {
    private let fetcher: KMSFetcher
    private let exchange: LocalExchange
    private let completion: (FetchOutcome) -> Void
    private var reading: AnyObject?
    private var hasReadTokenAgain = false

    init(_ fetcher: KMSFetcher, _ completion: @escaping (FetchOutcome) -> Void) {
      self.fetcher = fetcher
      self.completion = completion
      exchange = LocalExchange(fetcher.http)
    }

    /// The agent makes another token at each of its starts, so the file is read for each request.
    func ask() {
      reading = fetcher.tokenFile.read { [unowned self] outcome in
        reading = nil
        switch outcome {
        case .success(let token): ask(with: token)
        case .failure(let unusable):
          completion(
            .failed(
              Failure(
                .transient, code: "KMSToken",
                advice: "KMS Agent's token file '\(fetcher.tokenPath)': \(unusable.why); \(unusable.fix)")))
        }
      }
    }

    private func ask(with token: Secret) {
      var request = HTTPRequest(.get, fetcher.url)
      request.secretHeaders = [("X-KMS-Token", token)]
      exchange.send(request) { [unowned self] outcome, body in land(outcome, body) }
    }

    private func land(_ outcome: HTTPOutcome, _ body: Span<UInt8>) {
      switch outcome {
      case .failure(let failure):
        completion(
          .failed(
            Failure(
              failure, of: fetcher.service, fix: "look whether KMS Agent runs on this host, and at 'agent_address'")))
      case .success(let answer) where answer.status == 200:
        do throws(ServedCredentialUnusable) {
          completion(.fetched(try ServedCredential.kmsKey(from: body)))
        } catch {
          completion(
            .failed(
              Failure(
                .transient, code: error.code, httpStatus: 200,
                advice:
                  "KMS Agent: its answer can't be used: \(error.why); the secret has to be one of RAM credentials, and ResponseType of the agent 0"
              )))
        }
      case .success(let answer) where [401, 403].contains(answer.status) && !hasReadTokenAgain:
        hasReadTokenAgain = true
        ask()
      case .success(let answer):
        let why =
          [401, 403].contains(answer.status)
          ? "it refuses the token in '\(fetcher.tokenPath)'; look whether that is the running agent's file"
          : "it answered with HTTP \(answer.status); look at 'secret' of the source, and at the agent's own log"
        completion(
          .failed(
            Failure(.transient, code: "KMSAgentStatus", httpStatus: answer.status, advice: "KMS Agent: \(why)")))
      }
    }
  }
}

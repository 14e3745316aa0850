import Core
import HTTPServer
import Wire

/// A request at a loopback address that may be answered, if its caller may.
struct LoopbackRequest {
  enum Reading {
    case request(LoopbackRequest)
    /// It isn't answered, whoever sent it; without a reason for the log where it is only a mistake.
    case refused(Response, reason: String?)
  }

  /// A role's name, as it was written.
  let name: String
  /// A scope's name, as it was written; nil for the role itself.
  let scope: String?
  let format: CredentialFormat
  /// How long it waits for the first session.
  let wait: Duration

  private static let paths = "paths are /NAME and /NAME/aws"

  /// A page of another host can make a browser send requests here. Such a request has an Origin or a Sec-Fetch header, or, if the
  /// page's own host name resolves to this address by now, that name as its Host.
  static func read(_ request: borrowing RequestHead, at address: LoopbackAddress) -> Reading {
    if request.isFromBrowser {
      return refuse(
        .forbidden, "requests of web pages aren't answered: leave out Origin and Sec-Fetch headers", "browser")
    }
    if request.hasClientCertificate {
      return refuse(
        .forbidden, "certificates of other hosts don't count here: leave out Rolekeeper-Client-Certificate",
        "client certificate")
    }
    guard let host = request.host, LoopbackAddress.admits(host: host, port: address.port) else {
      return refuse(
        .forbidden, "the Host header has to be '\(address)' or another loopback address with this port", "host")
    }
    guard request.method == .get else {
      return refuse(.methodNotAllowed, "this path takes GET", nil, fields: "Allow: GET\r\n")
    }
    let format: CredentialFormat
    switch request.segmentCount {
    case 1: format = .json
    case 2 where request.segment(1, is: "aws"): format = .awsContainer
    default: return refuse(.notFound, paths, nil)
    }
    if let name = request.queryName(besides: ["wait", "scope"]) {
      return refuse(
        .malformed,
        "unknown query parameter '\(RefusedValue.shown(name))'; this path takes 'scope', and 'wait', in seconds", nil)
    }
    let most = LoopbackService.wait
    do throws(RefusedValue) {
      let wait = try RefusedValue.seconds("wait", of: request, atMost: Int(most.wholeSeconds)).map {
        Duration.seconds($0)
      }
      return .request(
        Self(name: request.segment(0), scope: request.query("scope"), format: format, wait: wait ?? most))
    } catch {
      return refuse(.malformed, "\(error)", nil)
    }
  }

  private static func refuse(
    _ kind: Problem.Kind, _ detail: String, _ reason: String?, fields: String = ""
  ) -> Reading {
    .refused(Answer.problem(Problem(kind, detail: detail), fields: fields), reason: reason)
  }
}

import HTTPServer
import Refresh
import Wire

/// Reports of dead sessions, by callers that may read the role.
extension SocketService {
  func report(on role: ManagedRole, for request: borrowing RequestHead, token: ResponseToken) -> Response? {
    let rule = "name the session: ?access_key_id=STS.…, the AccessKeyId of its credential"
    guard let accessKeyID = request.query("access_key_id") else {
      return Answer.problem(Problem(.malformed, detail: rule))
    }
    guard !accessKeyID.isEmpty else {
      return Answer.problem(Problem(.malformed, detail: "\(RefusedValue("access_key_id", of: request, rule))"))
    }
    let isHeld = reports.report(accessKeyID, of: role) { [weak server] result in
      server?.complete(token, Answer.document(result))
    }
    guard isHeld else {
      return Answer.problem(
        Problem(
          .sessionNotHeld,
          detail: "role '\(role.name)' has no session of that AccessKeyId; read its credential again"))
    }
    return nil
  }
}

import HTTPServer
import Wire

/// Reports of dead sessions, by whoever may read the role.
extension SocketService {
  func report(on role: KeptRole, for request: borrowing RequestHead, token: ResponseToken) -> Response? {
    guard let accessKeyID = request.query("access_key_id"), !accessKeyID.isEmpty else {
      return Answer.problem(
        Problem(.malformed, detail: "name the session: ?access_key_id=STS.…, the AccessKeyId of its credential"))
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

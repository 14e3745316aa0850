import Core
import HTTPServer
import Refresh
import Wire

/// Reports of dead sessions, by callers that may read the role.
extension SocketService {
  /// `scope` is the scope that the query names; without one it may be any session of the role that the caller may read.
  func report(
    on role: ManagedRole, scope: RoleName? = nil, for request: borrowing RequestHead, from peer: Peer,
    token: ResponseToken
  ) -> Response? {
    let derived = (role.derivedSessions?.members ?? [:]).values.filter { session in
      (scope == nil || session.key.scope == scope) && mayFollow(peer, token, session)
    }
    let subject = scope.map { "scope '\($0)' of role '\(role.name)'" } ?? "role '\(role.name)'"
    return report(among: (scope == nil ? [role] : []) + derived, of: subject, for: request, token: token)
  }

  /// Reports the session of these that the query names; `subject` is what they are of.
  func report(
    among sessions: [ManagedRole], of subject: String, for request: borrowing RequestHead, token: ResponseToken
  ) -> Response? {
    let rule = "name the session: ?access_key_id=STS.…, the AccessKeyId of its credential"
    guard let accessKeyID = request.query("access_key_id") else {
      return Answer.problem(Problem(.malformed, detail: rule))
    }
    guard !accessKeyID.isEmpty else {
      return Answer.problem(Problem(.malformed, detail: "\(RefusedValue("access_key_id", of: request, rule))"))
    }
    for session in sessions {
      let isHeld = reports.report(accessKeyID, of: session) { [weak server] result in
        server?.complete(token, Answer.document(result))
      }
      if isHeld { return nil }
    }
    return Answer.problem(
      Problem(
        .sessionNotHeld, detail: "\(subject) has no session of that AccessKeyId; read its credential again"))
  }
}

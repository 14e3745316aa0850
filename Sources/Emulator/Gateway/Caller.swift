/// The verified signer of a request.
package enum Caller: Sendable, Equatable {
  case root(account: String)
  case user(String, account: String)
  case session(RoleSession)

  package var account: String {
    switch self {
    case .root(let account), .user(_, let account): account
    case .session(let session): session.account
    }
  }

  /// The names by which a trust policy can refer to this caller: its own, and that of its account.
  var principals: [String] {
    switch self {
    case .root(let account): ["acs:ram::\(account):root"]
    case .user(let name, let account): ["acs:ram::\(account):user/\(name)", "acs:ram::\(account):root"]
    case .session(let session):
      ["acs:ram::\(session.account):role/\(session.role)", "acs:ram::\(session.account):root"]
    }
  }
}

import Core
import LocalClient
import Secrets
import Wire

/// Which role's credential is used.
enum RoleChoice {
  /// The daemon answered, and not with a list of roles.
  struct Refusal: Error, CustomStringConvertible {
    let description: String
  }

  /// The only role that this user may read. Throws usage that lists them when there are several, or says that there is none.
  static func only(_ client: LocalClient) throws -> String {
    let answer = try client.request("GET", "/v1/roles")
    guard answer.status == 200 else {
      let problem = answer.body.withBytes { try? Problem(parsing: $0) }
      throw Refusal(description: problem?.detail ?? "the daemon answers with status \(answer.status)")
    }
    return try only(of: try answer.body.withBytes { try RoleList(parsing: $0) }.roles.map(\.name))
  }

  static func only(of names: [String]) throws(Arguments.Wrong) -> String {
    if let name = names.first, names.count == 1 { return name }
    guard !names.isEmpty else {
      throw Arguments.Wrong(
        "there is no role that you may read; an administrator can add you to a role's 'allow' in \(StandardPath.settings)"
      )
    }
    throw Arguments.Wrong("name one of the roles that you may read with --role: \(names.joined(separator: ", "))")
  }
}

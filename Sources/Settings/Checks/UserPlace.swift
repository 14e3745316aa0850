import Core

/// The place of the user in the names of a role's sessions, or of a scope's: what is before and behind it.
///
/// Whoever reads the cloud's records sees the whole name alone. Two users of a host have different labels (`UserLabel`), but with
/// `{user}-{scope}` user `a` in the scope `b-c` has the name of user `a-b` in the scope `c`.
struct UserPlace {
  let before: String
  let after: String

  /// Whether the session of one user at this place can have the name of another user's at `other`.
  ///
  /// That is so where one text before the user begins like the other one, and one behind it ends like the other one, since a label may have
  /// every character of both. A label never ends in `@` and what may be the name of a scope.
  func canShareName(with other: UserPlace) -> Bool {
    guard let more = Self.rest(of: before, and: other.before, by: { $0.hasPrefix($1) }),
      let behind = Self.rest(of: after, and: other.after, by: { $0.hasSuffix($1) })
    else { return false }
    let lead = String(before.utf8.count > other.before.utf8.count ? before.suffix(more) : other.before.suffix(more))
    let tail = String(after.utf8.count > other.after.utf8.count ? after.prefix(behind) : other.after.prefix(behind))
    // The same name is the same user's then.
    if lead.isEmpty && tail.isEmpty { return false }
    return !UserLabel.endsInScope(tail) || lead.contains("@")
  }

  /// By how many characters one of the texts is longer, if it contains the other one; nil if it doesn't.
  private static func rest(of one: String, and other: String, by contains: (String, String) -> Bool) -> Int? {
    guard contains(one, other) || contains(other, one) else { return nil }
    return abs(one.utf8.count - other.utf8.count)
  }
}

extension SessionNameTemplate {
  /// Nil without a user.
  func userPlace(host: String, role: RoleName, scope: RoleName?) -> UserPlace? {
    naming(scope: scope, user: nil, of: role).aroundUser(host: host, role: role).map {
      UserPlace(before: $0.before, after: $0.after)
    }
  }
}

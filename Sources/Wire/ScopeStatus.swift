package import Core
package import JSON

/// A scope of a role: in `GET /v1/roles` beside the roles, for a peer that may read the scope alone, else within the role's status.
///
/// The session is the one that the peer gets. With a session for each user there is none for a peer that hasn't asked for its own.
package struct ScopeStatus: WireDocument, Hashable, Sendable {
  package var role: String
  package var name: String
  /// Nil while there is no session: it is fetched when somebody asks for it.
  package var state: RoleState?
  package var accessKeyID: String?
  package var expiresAt: UTCTime?
  package var expiresIn: Duration?
  /// 0 while there is no session.
  package var generation: UInt64
  /// Nil if the last attempt succeeded.
  package var lastError: LastError?
  /// How many users have a session of it; nil if all share one.
  package var users: Int?

  package init(
    role: String, name: String, state: RoleState? = nil, accessKeyID: String? = nil, expiresAt: UTCTime? = nil,
    expiresIn: Duration? = nil, generation: UInt64 = 0, lastError: LastError? = nil, users: Int? = nil
  ) {
    self.role = role
    self.name = name
    self.state = state
    self.accessKeyID = accessKeyID
    self.expiresAt = expiresAt
    self.expiresIn = expiresIn
    self.generation = generation
    self.lastError = lastError
    self.users = users
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    role = try value.text("role")
    name = try value.text("name")
    state = try value.optionalText("state").flatMap { RoleState(rawValue: $0) }
    accessKeyID = try value.optionalText("access_key_id")
    expiresAt = try value.optionalTime("expires_at")
    expiresIn = try value.optionalSpan("expires_in")
    generation = try value.generation()
    lastError = try value.optionalDocument("last_error")
    users = try value.optionalInteger("users").map { Int($0) }
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("role", role)
      json.member("name", name)
      json.member("state", orNull: state?.rawValue)
      json.member("access_key_id", orNull: accessKeyID)
      json.member("expires_at", expiresAt)
      json.member("expires_in", expiresIn)
      json.member("generation", Int64(clamping: generation))
      json.member("last_error", orNull: lastError)
      if let users { json.member("users", Int64(users)) }
    }
  }
}

/// The sessions of users of a role: how many have one, and the peer's own.
package struct UserSessionsStatus: WireDocument, Hashable, Sendable {
  package var count: Int
  package var most: Int
  /// Nil if the peer has none.
  package var accessKeyID: String?
  package var expiresAt: UTCTime?

  package init(count: Int, most: Int, accessKeyID: String? = nil, expiresAt: UTCTime? = nil) {
    (self.count, self.most, self.accessKeyID, self.expiresAt) = (count, most, accessKeyID, expiresAt)
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    count = Int(try value.integer("count"))
    most = Int(try value.integer("most"))
    accessKeyID = try value.optionalText("access_key_id")
    expiresAt = try value.optionalTime("expires_at")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("count", Int64(count))
      json.member("most", Int64(most))
      json.member("access_key_id", orNull: accessKeyID)
      json.member("expires_at", expiresAt)
    }
  }
}

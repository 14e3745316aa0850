package import Core
package import JSON

/// A line of `GET /v1/events` about a role: its state when the stream began, a rotation, another change of its state, a longer
/// session, or a credential file that changed.
package struct RoleEvent: WireDocument, Hashable, Sendable {
  package enum Kind: String, Sendable {
    /// The role as it is when the stream begins; one for each role that the reader may read.
    case snapshot
    /// Plain reads and files have a different session than before: the one that the line names.
    case rotated
    /// The state differs from before.
    case changed
    /// A longer session was fetched for readers that requested one; other readers get the same as before.
    case reserved
    /// A credential file appeared, can't be written, or can be written again; `output` has its status.
    case output
  }

  package var time: UTCTime?
  package var kind: Kind
  package var role: String
  /// The role's scope that the line is about; nil for the role itself.
  package var scope: String?
  /// The user whose session the line is about; nil for one that all readers share.
  package var uid: UInt32?
  package var state: RoleState
  package var generation: UInt64
  /// The session that is handed out; nil if none is.
  package var accessKeyID: String?
  package var expiresAt: UTCTime?
  /// The code of the last failure; nil if the last attempt succeeded.
  package var code: String?
  /// The file that an event of kind `output` is about.
  package var output: OutputStatus?

  package init(
    time: UTCTime?, kind: Kind, role: String, state: RoleState, generation: UInt64, accessKeyID: String? = nil,
    expiresAt: UTCTime? = nil, code: String? = nil, output: OutputStatus? = nil
  ) {
    self.time = time
    self.kind = kind
    self.role = role
    self.state = state
    self.generation = generation
    self.accessKeyID = accessKeyID
    self.expiresAt = expiresAt
    self.code = code
    self.output = output
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    time = try value.optionalTime("time")
    kind = try value.word("event")
    role = try value.text("role")
    scope = try value.optionalText("scope")
    uid = try value.optionalInteger("uid").flatMap { UInt32(exactly: $0) }
    state = try value.word("state")
    generation = try value.generation()
    accessKeyID = try value.optionalText("access_key_id")
    expiresAt = try value.optionalTime("expires_at")
    code = try value.optionalText("code")
    output = try value.optionalDocument("output")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("time", time)
      json.member("event", kind.rawValue)
      json.member("role", role)
      if let scope { json.member("scope", scope) }
      if let uid { json.member("uid", Int64(uid)) }
      json.member("state", state.rawValue)
      json.member("generation", Int64(clamping: generation))
      json.member("access_key_id", orNull: accessKeyID)
      json.member("expires_at", expiresAt)
      json.member("code", orNull: code)
      if let output {
        json.key("output")
        output.write(to: &json)
      }
    }
  }
}

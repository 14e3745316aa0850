package import JSON

/// Whether everything in the settings is in force: reported by `/healthz`, `rolekeeper status --check` and `status`.
///
/// It is a list of reasons; without any, everything is well, also if the settings have no role yet. Each new kind of problem is
/// another `Reason`.
package struct Health: WireDocument, Hashable, Sendable {
  package enum Status: String, Hashable, Sendable, CaseIterable {
    case ok
    /// Every role has a credential, but something else isn't as in the settings.
    case degraded
    /// A role has no valid session.
    case failing
  }

  package struct Reason: WireDocument, Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
      /// The settings have no role at all.
      case noRoles = "no-roles"
      /// A role has no valid session.
      case noSession = "no-session"
      /// A role has a valid session, but its refresh fails in a way that waiting won't fix.
      case refresh
      /// STS grants a role sessions that are too short for its floor.
      case shortSessions = "short-sessions"
      /// A credential file can't be written.
      case output
      /// An AccessKey can't be read, or a new one isn't used.
      case source
      /// The settings on disk were refused; older ones are in force.
      case settings
      /// The settings in force look truncated, and outputs that they no longer name were kept.
      case incompleteSettings = "incomplete-settings"
      /// An address of the loopback URI can't be listened at.
      case loopback
      /// The CA file can't be used; the certificates that were read before, if any, are in force.
      case caFile = "ca-file"
      /// Connections are refused because all are taken.
      case connections

      package var status: Status {
        switch self {
        case .noRoles: .ok
        case .noSession: .failing
        case .refresh, .shortSessions, .output, .source, .settings, .incompleteSettings, .loopback, .caFile,
          .connections:
          .degraded
        }
      }
    }

    package var kind: Kind
    /// The affected role; nil if all of them are.
    package var role: String?
    /// A sentence with the problem, and with a fix if one is known. For callers that may see the role.
    package var detail: String

    package init(_ kind: Kind, role: String? = nil, detail: String) {
      self.kind = kind
      self.role = role
      self.detail = detail
    }

    package init(_ value: borrowing JSONValue) throws(WireError) {
      kind = try value.word("reason")
      role = try value.optionalText("role")
      detail = try value.text("detail")
    }

    package func write(to json: inout JSONWriter<[UInt8]>) {
      json.object { json in
        json.member("reason", kind.rawValue)
        json.member("role", orNull: role)
        json.member("detail", detail)
      }
    }
  }

  package private(set) var status: Status
  /// Sorted, the worst first.
  package private(set) var reasons: [Reason]

  package init(_ reasons: [Reason]) {
    let worst = reasons.filter { $0.kind.status == .failing }
    self.reasons = worst + reasons.filter { $0.kind.status != .failing }
    let isSound = reasons.allSatisfy { $0.kind.status == .ok }
    status = isSound ? .ok : worst.isEmpty ? .degraded : .failing
  }

  /// One sentence without names, for callers that may not see the roles: `2 of 5 roles have no valid session`.
  package func summary(roles: Int) -> String {
    var counts: [Reason.Kind: Int] = [:]
    for reason in reasons { counts[reason.kind, default: 0] += 1 }
    let parts = Reason.Kind.allCases.compactMap { kind -> String? in
      guard let count = counts[kind] else { return nil }
      switch kind {
      case .noRoles: return "there are no roles"
      case .noSession:
        return roles == 1
          ? "the only role has no valid session"
          : "\(count) of \(roles) roles \(count == 1 ? "has" : "have") no valid session"
      case .refresh:
        return roles == 1
          ? "the only role isn't refreshed any more"
          : "\(count) of \(roles) roles \(count == 1 ? "isn't" : "aren't") refreshed any more"
      case .shortSessions:
        return roles == 1
          ? "the only role gets sessions too short for the floor"
          : "\(count) of \(roles) roles \(count == 1 ? "gets" : "get") sessions too short for the floor"
      case .output: return "\(count) credential \(count == 1 ? "file" : "files") can't be written"
      case .source: return "\(count) \(count == 1 ? "source has" : "sources have") a problem"
      case .settings: return "the settings on disk are not in force"
      case .incompleteSettings: return "the settings look cut off"
      case .loopback: return "the loopback URI isn't served"
      case .caFile: return "the CA file can't be used"
      case .connections: return "connections are refused"
      }
    }
    if !parts.isEmpty { return parts.joined(separator: "; ") }
    return roles == 1 ? "the only role has a valid session" : "all \(roles) roles have a valid session"
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    self.init(try value.list("reasons"))
    status = try value.word("status")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    write(to: &json, reasons: { json in for reason in reasons { reason.write(to: &json) } })
  }

  func write(to json: inout JSONWriter<[UInt8]>, reasons: (inout JSONWriter<[UInt8]>) -> Void) {
    json.object { json in
      json.member("status", status.rawValue)
      json.key("reasons")
      json.array(reasons)
    }
  }
}

/// The answer to `GET /healthz`, which everyone may request: no names, only how many of each kind.
package struct HealthAnswer: WireDocument, Hashable, Sendable {
  package var status: Health.Status
  package var roles: Int64
  /// What is wrong, or that there are no roles; nil if everything is well.
  package var detail: String?

  package init(_ health: Health, roles: Int) {
    status = health.status
    self.roles = Int64(roles)
    detail = health.reasons.isEmpty ? nil : health.summary(roles: roles)
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    status = try value.word("status")
    roles = try value.integer("roles")
    detail = try value.optionalText("detail")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("status", status.rawValue)
      json.member("roles", roles)
      if let detail { json.member("detail", detail) }
    }
  }
}

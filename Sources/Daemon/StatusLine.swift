import Core
import Refresh
import SocketAPI
import Wire

/// What the line of status says of the roles, gathered role by role.
struct StatusLine {
  private var roles: ArraySlice<ManagedRole>
  private(set) var headline = Headline()
  /// Whether a role fails of which it isn't known yet whether a person is needed.
  private(set) var isInTrouble = false

  init(_ roles: [ManagedRole]) { self.roles = roles[...] }

  /// What a start waits for: roles that are required and have no credential.
  static func waiting(for roles: [ManagedRole]) -> String {
    guard let first = roles.first else { return "waiting for credential files to be written" }
    let shown = roles.prefix(5).map { "'\($0.name)'" }.joined(separator: ", ")
    let others = roles.count > 5 ? " and \(roles.count - 5) more" : ""
    let line = "waiting for a credential of the required role\(roles.count == 1 ? "" : "s") \(shown)\(others)"
    guard let failure = first.machine.lastFailure else { return line }
    return
      "\(line); \(roles.count == 1 ? "" : "'\(first.name)': ")the last attempt failed: \(failure.code): \(failure.advice)"
  }

  var rolesLeft: Int { roles.count }

  /// Looks at the next `count` roles, or at as many as are left.
  mutating func add(_ count: Int, _ backend: any AnnouncerBackend, at now: Timestamp) {
    for role in roles.prefix(count) {
      let isFailing = role.machine.lastFailure != nil
      let failsLastingly = isFailing && role.machine.failsLastingly(at: now)
      if isFailing && !failsLastingly { isInTrouble = true }
      headline.add(
        backend.tier(of: role), life: role.isValid(at: now) ? role.current.map { $0.session.expires - now } : nil)
      headline.add(
        role.name.description, role.state(at: now), headroom: role.machine.headroom(at: now), isFailing: isFailing,
        failsLastingly: failsLastingly, hasFailingFile: backend.hasFailingFile(role.name))
    }
    roles = roles.dropFirst(count)
  }
}

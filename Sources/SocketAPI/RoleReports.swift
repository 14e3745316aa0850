import Core
import HTTPServer
import LocalSockets
import Refresh
import Settings
import Systemd
import Wire

/// The answer to `GET /v1/roles`.
final class RoleListMaker: AnswerMaker {
  private unowned let service: SocketService
  private let peer: Peer
  private let unit: UnitName?
  private var roles: ArraySlice<ManagedRole>
  private var list: DocumentList
  /// Those of roles that the peer may not read.
  private var scopes: [ScopeStatus] = []

  init(_ service: SocketService, for peer: Peer, of unit: UnitName? = nil) {
    self.service = service
    self.peer = peer
    self.unit = unit
    roles = service.refresher.rolesInOrder[...]
    list = DocumentList(expecting: roles.count * SocketService.statusSize)
  }

  func step() -> Response? {
    guard let role = roles.popFirst() else {
      return DocumentList.response(RoleList([], isAdmin: service.isPrivileged(peer), scopes: scopes).frame(), [list])
    }
    if service.mayRead(peer, of: unit, role) {
      list.add(service.status(of: role, for: peer))
    } else {
      for scope in role.settings.derivation.scopes where service.mayRead(peer, of: unit, role, scope: scope.name) {
        scopes.append(service.scopeStatus(scope.name, of: role, uid: peer.uid))
      }
    }
    return nil
  }
}

/// The answer to `GET /v1/status`.
final class StatusMaker: AnswerMaker {
  private unowned let service: SocketService
  private var roles: ArraySlice<ManagedRole>
  private var findings = HealthFindings()
  private var list: DocumentList
  /// Everything except the lists, and the content of the second one, once all roles have been evaluated.
  private var frame: [[UInt8]]?
  private var reasons: ArraySlice<Health.Reason> = []
  private var reasonList = DocumentList()

  init(_ service: SocketService) {
    self.service = service
    roles = service.refresher.rolesInOrder[...]
    list = DocumentList(expecting: roles.count * SocketService.statusSize)
  }

  func step() -> Response? {
    if let role = roles.popFirst() {
      list.add(service.status(of: role, for: nil))
      findings.look(at: role, service)
    } else if let frame {
      guard let reason = reasons.popFirst() else { return DocumentList.response(frame, [list, reasonList]) }
      reasonList.add(reason)
    } else {
      let health = findings.health(service)
      frame = service.backend.statusReport(health).frame()
      reasons = health.reasons[...]
    }
    return nil
  }
}

/// The answer to `GET /healthz`.
final class HealthMaker: AnswerMaker {
  private unowned let service: SocketService
  private var roles: ArraySlice<ManagedRole>
  private var findings = HealthFindings()

  init(_ service: SocketService) {
    self.service = service
    roles = service.refresher.rolesInOrder[...]
  }

  func step() -> Response? {
    let count = service.refresher.roles.count
    // Each step is short: reading the clock would take longer.
    for _ in 0..<16 {
      guard let role = roles.popFirst() else { return Self.response(findings.health(service), roles: count) }
      findings.look(at: role, service)
    }
    return nil
  }

  private static func response(_ health: Health, roles: Int) -> Response {
    guard health.status == .failing else { return Answer.document(HealthAnswer(health, roles: roles)) }
    let hint = "rolekeeper status shows why to administrators, and to readers for their roles"
    return Answer.problem(Problem(.noSession, detail: "\(health.summary(roles: roles)); \(hint)"))
  }
}

/// The problems found, role by role.
struct HealthFindings {
  private var sessions: [Health.Reason] = []
  private var outputs: [Health.Reason] = []

  mutating func look(at role: ManagedRole, _ service: SocketService) {
    if let reason = service.backend.sessionReason(of: role, at: service.scheduler.time) { sessions.append(reason) }
    outputs += service.backend.outputReasons(of: role)
  }

  /// The result, including problems that concern no single role.
  func health(_ service: SocketService) -> Health {
    let none: [Health.Reason] = service.refresher.roles.isEmpty ? [.noRoles()] : []
    return Health(none + sessions + outputs + service.backend.generalReasons())
  }
}

extension SocketService {
  /// The approximate size of a role's status in bytes.
  fileprivate static let statusSize = 512

  func listRoles(for peer: Peer, _ token: ResponseToken) -> Response? {
    let unit = unit(of: token)
    return long.answer(.list(LongAnswers.Rights(peer, of: unit)), to: token) { [unowned self] in
      RoleListMaker(self, for: peer, of: unit)
    }
  }

  func statusReport(for peer: Peer, _ token: ResponseToken) -> Response? {
    long.answer(.status, to: token, orElse: { [unowned self] in forAdmins(peer, Route.status.path) }) {
      [unowned self] in StatusMaker(self)
    }
  }

  func health(_ token: ResponseToken) -> Response? {
    long.answer(.health, to: token) { [unowned self] in HealthMaker(self) }
  }

  func metrics(for peer: Peer, _ token: ResponseToken) -> Response? {
    long.answer(.metrics, to: token, orElse: { [unowned self] in forAdmins(peer, Route.metrics.path) }) {
      [unowned self] in MetricsMaker(self)
    }
  }
}

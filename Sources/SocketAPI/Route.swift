import HTTPServer

/// The paths of the socket's API.
enum Route: CaseIterable {
  case roles, role, credentials, uri, roleHealth, report, refresh, bundle, events, status, reload, health, metrics

  /// `NAME` stands for a role's name.
  var path: String {
    switch self {
    case .roles: "/v1/roles"
    case .role: "/v1/roles/NAME"
    case .credentials: "/v1/roles/NAME/credentials"
    case .uri: "/v1/roles/NAME/uri"
    case .roleHealth: "/v1/roles/NAME/healthz"
    case .report: "/v1/roles/NAME/report"
    case .refresh: "/v1/roles/NAME/refresh"
    case .bundle: "/v1/bundle"
    case .events: "/v1/events"
    case .status: "/v1/status"
    case .reload: "/v1/reload"
    case .health: "/healthz"
    case .metrics: "/metrics"
    }
  }

  /// Nil for a path that isn't served.
  init?(_ request: borrowing RequestHead) {
    let found: Route? =
      if request.segment(0, is: "v1") {
        request.segment(1, is: "roles") ? Self.aboutRoles(request) : Self.aboutAll(request)
      } else if request.path(is: "/healthz") {
        .health
      } else if request.path(is: "/metrics") {
        .metrics
      } else {
        nil
      }
    guard let found else { return nil }
    self = found
  }

  private static func aboutRoles(_ request: borrowing RequestHead) -> Route? {
    switch request.segmentCount {
    case 2: .roles
    case 3: .role
    case 4 where request.segment(3, is: "credentials"): .credentials
    case 4 where request.segment(3, is: "uri"): .uri
    case 4 where request.segment(3, is: "healthz"): .roleHealth
    case 4 where request.segment(3, is: "report"): .report
    case 4 where request.segment(3, is: "refresh"): .refresh
    default: nil
    }
  }

  private static func aboutAll(_ request: borrowing RequestHead) -> Route? {
    guard request.segmentCount == 2 else { return nil }
    if request.segment(1, is: "events") { return .events }
    if request.segment(1, is: "bundle") { return .bundle }
    if request.segment(1, is: "status") { return .status }
    return request.segment(1, is: "reload") ? .reload : nil
  }
}

import Core

/// A user or group of the settings, resolved.
struct Principal: Hashable {
  let id: UInt32
  /// Nil for a number without a name on this host.
  let name: String?
  /// The primary group of a user with a name.
  var primaryGroup: UInt32?
  /// Whether the look-up failed, so that only the number is known.
  var isLookUpFailed = false
}

/// Looks up users and groups, each once.
final class Principals {
  private let host: any Host
  private var named: [PrincipalKind: [String: Result<Principal?, HostError>]] = [:]
  private var numbered: [PrincipalKind: [UInt32: Result<Principal?, HostError>]] = [:]

  init(host: any Host) { self.host = host }

  func find(_ kind: PrincipalKind, named name: String) -> Result<Principal?, HostError> {
    if let known = named[kind]?[name] { return known }
    let answer = ask { () throws(HostError) in
      switch kind {
      case .user: try host.user(named: name).map(Principal.init)
      case .group: try host.group(named: name).map(Principal.init)
      }
    }
    named[kind, default: [:]][name] = answer
    return answer
  }

  func find(_ kind: PrincipalKind, number: UInt32) -> Result<Principal?, HostError> {
    if let known = numbered[kind]?[number] { return known }
    let answer = ask { () throws(HostError) in
      switch kind {
      case .user: try host.user(uid: number).map(Principal.init)
      case .group: try host.group(gid: number).map(Principal.init)
      }
    }
    numbered[kind, default: [:]][number] = answer
    return answer
  }

  /// The name in the host's own list of which `name` is probably a misspelling.
  func nearest(_ kind: PrincipalKind, to name: String) -> String? {
    guard let list = try? host.read(kind == .user ? "/etc/passwd" : "/etc/group", limit: 1 << 20) else { return nil }
    let lines = String(decoding: list.bytes, as: UTF8.self).split(separator: "\n")
    return Spelling.nearest(to: name, among: lines.map { String($0.prefix { $0 != ":" }) })
  }

  /// The names of all that were found, by number.
  func names(_ kind: PrincipalKind) -> [UInt32: String] {
    let found = Array((named[kind] ?? [:]).values) + Array((numbered[kind] ?? [:]).values)
    var names: [UInt32: String] = [:]
    for case .success(let principal?) in found { if let name = principal.name { names[principal.id] = name } }
    return names
  }

  private func ask(_ question: () throws(HostError) -> Principal?) -> Result<Principal?, HostError> {
    do throws(HostError) { return .success(try question()) } catch { return .failure(error) }
  }
}

extension Principal {
  fileprivate init(_ user: HostUser) { self.init(id: user.uid, name: user.name, primaryGroup: user.gid) }
  fileprivate init(_ group: HostGroup) { self.init(id: group.gid, name: group.name) }
}

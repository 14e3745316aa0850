import Core

extension TableReader {
  /// Patterns of hosts' names, each once.
  func hostPatterns(_ key: TextsKey) -> [HostPattern] {
    var patterns: [HostPattern] = []
    for (text, place) in texts(key) {
      guard let pattern = HostPattern(text) else {
        findings.error(place, "names '\(text)', \(Self.problem(text))", key.remedy())
        continue
      }
      if pattern.isOpen {
        findings.note(
          place, "names '\(pattern)', so \(Self.everyone(pattern)) may have the credential",
          "name the hosts if that isn't meant")
      }
      context.hostsPlace = context.hostsPlace ?? place
      if !patterns.contains(pattern) { patterns.append(pattern) }
    }
    return patterns
  }

  /// Whether this table of a role names hosts in its `allow`.
  var hasHosts: Bool {
    guard case .table(let nodes)? = member(Schema.Role.allow)?.value else { return false }
    return nodes.contains { node in
      if node.key == Schema.Allow.hosts.name, case .array(let items) = node.value { !items.isEmpty } else { false }
    }
  }

  private static func problem(_ text: String) -> String {
    if text.contains("://") { return "which isn't SCHEME://… in printable ASCII, with the scheme in full" }
    if text.contains("/") || text.contains(":") {
      return "and no host's name has a slash or a colon; a URI begins with SCHEME://"
    }
    return "which no DNS name can match: those are letters, digits, - and _ between dots"
  }

  private static func everyone(_ pattern: HostPattern) -> String {
    pattern.description == "**"
      ? "every host with a DNS name or a common name" : "each host whose name has as many labels"
  }
}

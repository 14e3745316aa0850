import Core

/// What becomes of the roles of an upstream while its tier is away.
enum TierFallback {
  case none
  /// They are fetched from STS; `source` signs, nil if that has an error.
  case direct(source: String?)
  /// Which of the two was meant isn't known; that was reported.
  case unknown
}

/// The type of source that hands out sessions, in place of signing for them.
extension SourceReader {
  private typealias Keys = Schema.Source

  /// Notes in any case that `name` is a tier, since that decides which keys its roles may have.
  func upstream(as name: String) -> UpstreamSettings? {
    let urls = urls()
    let caFile = table.readPath(Keys.caFile)
    let certificate = table.readPath(Keys.certificate)
    let key = table.readPath(Keys.key)
    for one in [Keys.certificate, Keys.key] { reportMissing(one, because: "type is 'upstream'") }
    checkIdentity(caFile: caFile, certificate: certificate, key: key)
    let choice = fallbackChoice()
    let source = choice == "direct" ? fallbackSource() : nil
    let rate = table.number(Keys.fallbackRate)
    let fallback: TierFallback =
      switch choice {
      case "direct"?: .direct(source: source)
      case nil: .unknown
      default: .none
      }
    table.context.upstreams[name] = fallback
    if choice == "none" { reportWithoutFallback() }
    guard let urls, let certificate, let key, let choice, let rate else { return nil }
    var settings = UpstreamSettings(urls: urls, caFile: caFile, certificate: certificate, key: key)
    if choice == "direct" {
      guard let source else { return nil }
      settings.fallback = UpstreamSettings.Fallback(source: source, requestsPerSecond: rate)
    }
    return settings
  }

  private func urls() -> [String]? {
    if !table.isWritten(Keys.urls), !table.isMisspelt(Keys.urls) {
      table.findings.error(
        table.place(of: Keys.urls), "is missing, and type is 'upstream'", "write urls = \(Keys.urls.example)")
      return nil
    }
    if case .string(let text)? = table.member(Keys.urls)?.value {
      table.findings.error(
        table.place(of: Keys.urls), "is a string, expected a list of strings",
        Keys.urls.requiredRemedy(Self.meant(by: text).map { "[\"\($0)\"]" }))
      return nil
    }
    let written = table.texts(Keys.urls, isRequired: true)
    var urls: [String] = []
    var known: [String: String] = [:]
    for (text, place) in written {
      // A slash at the end means the same.
      let url = text.hasSuffix("/") ? String(text.dropLast()) : text
      guard let machine = Self.machine(of: url) else {
        // What is before an '@' may be a password.
        table.findings.error(
          place,
          text.contains("@")
            ? "has a URL with '@', expected \(Keys.urls.form)" : "has '\(text)', expected \(Keys.urls.form)",
          "write \(Self.meant(by: text).map { "\"\($0)\"" } ?? "the host alone"): the daemon asks for /v1/bundle there, over HTTPS"
        )
        continue
      }
      if let first = known[machine] {
        table.findings.error(
          place, first == url ? "has '\(url)' twice" : "has '\(url)' besides '\(first)', which is the same machine",
          "remove one of them")
        continue
      }
      known[machine] = url
      urls.append(url)
    }
    if written.isEmpty, let node = table.member(Keys.urls), case .array(let items) = node.value, items.isEmpty {
      table.findings.error(table.place(of: Keys.urls), "is empty", "write urls = \(Keys.urls.example)")
    }
    return urls.isEmpty || urls.count < written.count ? nil : urls
  }

  /// The host and the port of a URL, the same for each way to write them; nil if it isn't one of a tier's machine.
  private static func machine(of url: String) -> String? {
    guard url.hasPrefix("https://"), let place = Endpoint(url.dropFirst("https://".count)) else { return nil }
    return "\(place.host.lowercased()):\(place.port ?? 443)"
  }

  /// The URL of the host in a text, without what a copy has too much behind it; nil for a text without a host.
  private static func meant(by text: String) -> String? {
    let rest = text.firstRange(of: "://").map { text[$0.upperBound...] } ?? text[...]
    let authority = rest.prefix { !"/?#".contains($0) }
    var host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
    while let last = host.last, ". :".contains(last) { host.removeLast() }
    return Endpoint(host) == nil ? nil : "https://\(host)"
  }

  /// What is written, or the default; nil for anything else, which is reported with what a fallback needs: `true` and "yes" mean one, and
  /// `false` means none.
  private func fallbackChoice() -> String? {
    let key = Keys.fallback
    guard let node = table.member(key) else { return key.standard }
    let written: String
    switch node.value {
    case .string(let text):
      if key.choices.contains(text) { return text }
      written = "'\(text)'"
    case .boolean(let value): written = "\(value)"
    default: written = node.value.article
    }
    let accessKey =
      table.context.accessKeySources.isEmpty
      ? "[source.main] with type = \"access-key\" and credential = \"access-key\" and " : ""
    table.findings.error(
      table.place(of: key), "is \(written), allowed are \(key.choices.map { "'\($0)'" }.joined(separator: ", "))",
      "remove the line to have no fallback, or write fallback = \"direct\", which needs \(accessKey)role_arn in each role of this source"
    )
    return nil
  }

  private func fallbackSource() -> String? {
    let known = table.context.accessKeySources
    let place = table.place(of: Keys.fallbackSource)
    if let text = table.text(Keys.fallbackSource) {
      if known.contains(text) { return text }
      let near = Spelling.nearest(to: text, among: known) ?? known.first
      table.findings.error(
        place, "is '\(text)', and there is no [source.\(text)] with an AccessKey",
        // Without the line, the only AccessKey signs.
        known.count == 1
          ? Keys.fallbackSource.remedy("\"\(known[0])\"")
          : Keys.fallbackSource.requiredRemedy(near.map { "\"\($0)\"" }))
      return nil
    }
    if table.isWritten(Keys.fallbackSource) { return nil }
    if known.count == 1 { return known[0] }
    table.findings.error(
      table.place(of: Keys.fallback),
      known.isEmpty
        ? "is 'direct', and no source has an AccessKey"
        : "is 'direct', and there are \(known.count) sources with an AccessKey",
      known.isEmpty
        ? "write [source.main] with type = \"access-key\" and credential = \"access-key\", or remove the line"
        : "write fallback_source = \"\(known[0])\"")
    return nil
  }

  private func reportWithoutFallback() {
    let others: [any SettingKey] = [Keys.fallbackSource, Keys.fallbackRate]
    for key in others where table.isWritten(key) {
      table.findings.error(
        table.place(of: key), "goes with fallback = \"direct\" only",
        "write fallback = \"direct\", or remove the line")
    }
  }
}

extension TOMLNode {
  /// Whether it is the table of a source with an AccessKey.
  var isAccessKey: Bool {
    guard case .table(let members) = value else { return false }
    return members.contains { member in
      guard member.key == Schema.Source.type.name, case .string(let text) = member.value else { return false }
      return text == SourceType.accessKey.rawValue
    }
  }
}

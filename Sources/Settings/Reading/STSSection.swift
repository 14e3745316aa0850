import Core

extension STSSettings {
  /// Reads `[sts]`; nil if an error was reported.
  init?(_ table: TableReader) {
    typealias Keys = Schema.STS
    let isVPC = table.flag(Keys.vpc) ?? false
    let regions = Region.order(Self.regions(table, isVPC: isVPC), of: table.context.host.name)
    let endpoint = regions.first.map { Self.endpoint(in: $0, isVPC: isVPC) } ?? Self.endpoint(table)
    let fallbacks = regions.isEmpty ? Self.fallbacks(table, besides: endpoint) : []
    let proxy = ProxySettings.read(table)
    let caFile = table.readPath(Keys.caFile)
    let areAuthoritiesSound = caFile.map { Self.checkReadable($0, table) } ?? !table.isWritten(Keys.caFile)
    let connectTimeout = table.duration(Keys.connectTimeout)
    let timeout = table.duration(Keys.timeout)
    let rate = table.number(Keys.requestsPerSecond)
    let burst = table.integer(Keys.burst)
    let fleetSize = table.integer(Keys.fleetSize)
    guard let endpoint, let connectTimeout, let timeout, let rate, let burst, let fleetSize else { return nil }
    self.init(
      endpoint: endpoint, fallbackEndpoints: fallbacks, proxy: proxy, caFile: caFile, connectTimeout: connectTimeout,
      timeout: timeout, lookupTimeout: .zero, requestsPerSecond: rate, burst: burst, regions: regions, isVPC: isVPC,
      fleetSize: fleetSize)
    let names = endpoints.map(\.host) + (proxy.map { [$0.address.host] } ?? [])
    let times = STSTimes(connectTimeout: connectTimeout, timeout: timeout, names: names, host: table.context.host)
    times.report(to: table)
    lookupTimeout = times.lookupTimeout
    if areAuthoritiesSound {
      table.findings.add(table.context.check?.trials.authorities(self), at: table.place(of: Keys.caFile))
    }
  }

  private static func endpoint(_ table: TableReader) -> Endpoint? {
    let key = Schema.STS.endpoint
    guard let text = table.text(key) else { return nil }
    if let endpoint = Endpoint(text) { return endpoint }
    table.findings.error(
      table.place(of: key), "is '\(text)', \(reason(against: text, form: key.form))",
      key.remedy(meant(by: text).map { "\"\($0)\"" }))
    return nil
  }

  /// The valid entries of the list; errors in the others are reported.
  private static func fallbacks(_ table: TableReader, besides first: Endpoint?) -> [Endpoint] {
    let key = Schema.STS.fallbackEndpoints
    var found: [Endpoint] = []
    for (text, place) in table.texts(key) {
      guard let endpoint = Endpoint(text) else {
        table.findings.error(
          place, "has '\(text)', \(reason(against: text, form: Schema.STS.endpoint.form))",
          key.remedy(meant(by: text).map { "[\"\($0)\"]" }))
        continue
      }
      guard endpoint != first, !found.contains(endpoint) else {
        table.findings.error(
          place, "has '\(text)', which is already tried before it", "remove it, or write another region's endpoint")
        continue
      }
      found.append(endpoint)
    }
    return found
  }

  private static func reason(against text: String, form: String) -> String {
    if text.hasPrefix("http://") { return "and STS is called over TLS only" }
    if let meant = meant(by: text), text == "\(meant)." || text == "\(meant.host).:\(meant.port ?? 0)" {
      return "and the dot at the end is no part of a host's name in TLS"
    }
    return "expected \(form)"
  }

  /// The endpoint that a URL or a name with a final dot probably means: people paste URLs, and names as name servers
  /// print them.
  private static func meant(by text: String) -> Endpoint? {
    let host = text.firstRange(of: "://").map { text[$0.upperBound...] } ?? text[...]
    let place = host.prefix { $0 != "/" }
    return Endpoint(place) ?? Endpoint(String(place).replacing(".:", with: ":"))
      ?? (place.hasSuffix(".") ? Endpoint(place.dropLast()) : nil)
  }

  /// The three headings that OpenSSL reads as a certificate (PEM_read_bio_X509_AUX(3)). What follows them is checked
  /// where libcurl is linked.
  private static let headings = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"].map {
    Array("-----BEGIN \($0)-----".utf8)
  }

  private static func checkReadable(_ path: String, _ table: TableReader) -> Bool {
    let place = table.place(of: Schema.STS.caFile)
    do throws(HostError) {
      let (status, bytes) = try table.context.host.read(path, limit: 16 << 20)
      table.context.trust.check(file: path, status)
      if !table.context.mayLackAuthorities, !headings.contains(where: { bytes.firstRange(of: $0) != nil }) {
        table.findings.passing(
          place, "is '\(path)', which holds no certificate in PEM form",
          "put the authorities' certificates there, or remove the line to use the system's certificates")
        return false
      }
      return true
    } catch {
      if table.context.mayLackAuthorities { return false }
      let problem = "is '\(path)', which can't be read: \(error)"
      let remedy = "correct the path, or remove the line to use the system's certificates"
      let host = table.context.host
      // While a file is being replaced, it may be missing, empty or cut off for a moment.
      switch error {
      case .denied where table.findings.isOutsiders:
        table.findings.denied(place, problem, SafeFix.reach(path, on: host))
      case .missing: table.findings.passing(place, problem, host.remedyForMissing(path, remedy))
      default: table.findings.passing(place, problem, remedy)
      }
      return false
    }
  }
}

extension ProxySettings {
  /// Nil if no proxy is configured, and if an error was reported.
  static func read(_ table: TableReader) -> ProxySettings? {
    typealias Keys = Schema.STS
    let passwordFile = table.readPath(Keys.proxyPasswordFile)
    func checkPassword() {
      guard let passwordFile, SecretFileCheck.proxyPassword(in: table).check(file: passwordFile) else { return }
      table.findings.add(
        table.context.check?.trials.proxyPassword(passwordFile), at: table.place(of: Keys.proxyPasswordFile))
    }
    guard let text = table.text(Keys.proxy) else {
      if table.isWritten(Keys.proxyPasswordFile), !table.isWritten(Keys.proxy) {
        table.findings.error(
          table.place(of: Keys.proxyPasswordFile), "is set without a proxy",
          "write proxy = \"http://USER@HOST:PORT\" or remove the line")
      }
      return nil
    }
    do throws(ProxyAddress.Flaw) {
      let address = try ProxyAddress(text)
      checkPair(user: address.user, table)
      checkPassword()
      return ProxySettings(address: address, passwordFile: passwordFile)
    } catch {
      let (problem, remedy) = words(for: error)
      table.findings.error(table.place(of: Keys.proxy), problem, remedy)
      checkPassword()
      return nil
    }
  }

  /// A user needs a password, and a password needs a user.
  private static func checkPair(user: String?, _ table: TableReader) {
    typealias Keys = Schema.STS
    switch (user, table.isWritten(Keys.proxyPasswordFile)) {
    case (.some(let user), false):
      table.findings.error(
        table.place(of: Keys.proxy), "names user '\(user)' without a password",
        "write proxy_password_file = \(Keys.proxyPasswordFile.example), or the proxy without a user")
    case (nil, true):
      table.findings.error(
        table.place(of: Keys.proxyPasswordFile), "is set, but the proxy has no user",
        "write proxy = \"http://USER@HOST:PORT\" or remove the line")
    default: break
    }
  }

  /// The text itself isn't repeated: it may contain a password.
  private static func words(for flaw: ProxyAddress.Flaw) -> (problem: String, remedy: String) {
    typealias Keys = Schema.STS
    return switch flaw {
    case .scheme: ("isn't an http:// proxy, the only supported kind", Keys.proxy.remedy())
    case .password:
      (
        "has a password in it, where everybody can read it",
        "write proxy = \"http://USER@HOST:PORT\", the password into a file of mode 0400, and "
          + "proxy_password_file = \(Keys.proxyPasswordFile.example)"
      )
    case .userCharacter(let character):
      ("has '\(character)' in its user", "write it percent-encoded, as \(Self.escaped(character))")
    case .userEscape(let text):
      (
        "has '\(text)' in its user, which is no percent-encoded byte",
        "write two hexadecimal digits behind each %, and % itself as %25"
      )
    case .userMeaning(let what): ("has a user that decodes to \(what)", "write another user")
    case .userLength(let count):
      ("has a user of \(count) bytes, allowed are 1 to 64", "write a shorter user, or the proxy without one")
    case .port: ("names no port", Keys.proxy.remedy())
    case .host: ("is no proxy", Keys.proxy.remedy())
    }
  }

  private static func escaped(_ character: Character) -> String {
    character.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
  }
}

import Core

/// The types of source whose credential a service hands out.
extension SourceReader {
  private typealias Keys = Schema.Source

  func instanceRole() -> InstanceRoleSettings? {
    let name = text(Keys.roleName, marks: "._-", most: 64)
    let allowsV1 = table.flag(Keys.allowIMDSv1)
    let address = table.text(Keys.metadataAddress)
    guard let allowsV1, let address, name != nil || !table.isWritten(Keys.roleName) else { return nil }
    guard let site = LocalAddress(address), site.isMetadataPlace else {
      report(Keys.metadataAddress, "is '\(address)', expected \(Keys.metadataAddress.form)")
      return nil
    }
    return InstanceRoleSettings(roleName: name, allowsV1: allowsV1, site: "http://\(address)")
  }

  /// Both keys, or an error: with one of them alone, the vendor's consumers silently go on to another kind of credential.
  func identityToken() -> IdentityTokenSettings? {
    let arn = required(Keys.providerARN, because: "type is 'oidc'")
    let file = table.readPath(Keys.tokenFile)
    if file == nil { reportMissing(Keys.tokenFile, because: "type is 'oidc'") }
    if let arn, !Self.isProviderARN(arn) {
      report(
        Keys.providerARN, "is '\(arn)', expected \(Keys.providerARN.form)", Keys.providerARN.requiredRemedy())
      return nil
    }
    guard let arn, let file else { return nil }
    checkWriters(of: file, Keys.tokenFile)
    return IdentityTokenSettings(providerARN: arn, tokenFile: file)
  }

  func credentialsURI() -> CredentialsURISettings? {
    let socket = table.absolutePath(Keys.socket)
    let path = table.text(Keys.path)
    let url = table.text(Keys.url)
    switch (table.isWritten(Keys.url), table.isWritten(Keys.socket)) {
    case (true, true):
      report(
        Keys.socket, "is set together with url, but a credential comes from one of them", "remove one of the lines")
      return nil
    case (false, false):
      table.findings.error(
        table.place, "names no server",
        "write \(Keys.url.name) = \(Keys.url.example) or socket = \(Keys.socket.example)")
      return nil
    case (false, true):
      for key in [Keys.caFile, Keys.certificate, Keys.key] where table.isWritten(key) {
        report(key, "is written without url", "remove the line")
      }
      reportMissing(Keys.path, because: "socket is written")
      guard let socket, let path else { return nil }
      guard socket.utf8.count <= SocketSettings.maxPathBytes else {
        report(
          Keys.socket, "has \(socket.utf8.count) bytes, allowed are \(SocketSettings.maxPathBytes)",
          Keys.socket.requiredRemedy())
        return nil
      }
      guard path.hasPrefix("/"), path.utf8.allSatisfy(\.isVisible) else {
        report(Keys.path, "is '\(path)', expected \(Keys.path.form)", Keys.path.requiredRemedy())
        return nil
      }
      checkDirectory(of: socket)
      // For a link, also the directory of its target.
      if let real = try? table.context.host.realPath(of: socket) { checkDirectory(of: real) }
      return CredentialsURISettings(place: .socket(socket, path: path))
    case (true, false): return https(url)
    }
  }

  private func https(_ url: String?) -> CredentialsURISettings? {
    if table.isWritten(Keys.path) { report(Keys.path, "is written without socket", "write the path into url") }
    let caFile = table.readPath(Keys.caFile)
    let certificate = table.readPath(Keys.certificate)
    let key = table.readPath(Keys.key)
    for (one, other) in [(Keys.certificate, Keys.key), (Keys.key, Keys.certificate)]
    where table.isWritten(one) && !table.isWritten(other) {
      report(one, "is written without \(other.name)", "\(other.requiredRemedy()), or remove \(one.name)")
      return nil
    }
    guard let url else { return nil }
    // The URL itself isn't repeated: its path may be secret.
    let place = url.dropFirst("https://".count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard url.hasPrefix("https://"), Endpoint(place) != nil, url.utf8.allSatisfy(\.isVisible), !url.contains("#") else {
      report(Keys.url, "isn't of the form \(Keys.url.form)", Keys.url.requiredRemedy())
      return nil
    }
    checkIdentity(caFile: caFile, certificate: certificate, key: key)
    return CredentialsURISettings(place: .https(url: url, caFile: caFile, certificate: certificate, key: key))
  }

  func kms() -> KMSSettings? {
    reportMissing(Keys.secret, because: "type is 'kms'")
    let secret = text(Keys.secret, marks: "/_+=.@-", most: 64, isRequired: true)
    let file = table.isWritten(Keys.tokenFile) ? table.readPath(Keys.tokenFile) : Keys.standardKMSTokenFile
    guard let secret, let file, let address = table.text(Keys.agentAddress) else { return nil }
    guard let site = LocalAddress(address), site.isLoopback, site.hasPort else {
      report(Keys.agentAddress, "is '\(address)', expected \(Keys.agentAddress.form)")
      return nil
    }
    return KMSSettings(secret: secret, tokenFile: file, site: "http://\(address)")
  }

  // MARK: - Parts

  /// The files by which the daemon and an HTTPS server know each other.
  func checkIdentity(caFile: String?, certificate: String?, key: String?) {
    let trials = table.context.check?.trials
    if let caFile {
      _ = check(caFile, Keys.caFile, "the authorities' certificates", trying: trials?.sourceAuthorities)
    }
    let isKeySound = key.map {
      check(
        $0, Keys.key, "the key of the certificate", ifDisclosed: "have a new certificate made",
        trying: trials?.certificateKey)
    }
    let isCertificateSound = certificate.map {
      check($0, Keys.certificate, "the certificate", trying: trials?.certificate)
    }
    guard let certificate, let key, isKeySound == true, isCertificateSound == true else { return }
    table.findings.add(trials?.identity(certificate, key)?.takenUp, at: table.place(of: Keys.certificate))
  }

  /// Checks a file that the daemon takes up when it comes; a secret one if there is something to do once it was `ifDisclosed`. True if
  /// nothing is found to be wrong.
  private func check(
    _ file: String, _ key: TextKey, _ content: String, ifDisclosed: String? = nil,
    trying attempt: ((_ path: String) -> StartTrials.Finding?)?
  ) -> Bool {
    if ifDisclosed == nil { checkWriters(of: file, key) }
    let check = SecretFileCheck(
      table: table, key: key, content: content, afterDisclosure: ifDisclosed ?? "", mayComeLater: true,
      startsAnyway: true, isPublic: ifDisclosed == nil)
    guard check.check(file: file) else { return false }
    let finding = attempt?(file)?.takenUp
    table.findings.add(finding, at: table.place(of: key))
    return finding == nil
  }

  func report(_ key: TextKey, _ problem: String, _ remedy: String? = nil) {
    table.findings.error(table.place(of: key), problem, remedy ?? key.remedy())
  }

  func reportMissing(_ key: TextKey, because reason: String) {
    if !table.isWritten(key), !table.isMisspelt(key) {
      report(key, "is missing, and \(reason)", key.requiredRemedy())
    }
  }

  private func required(_ key: TextKey, because reason: String) -> String? {
    reportMissing(key, because: reason)
    return table.text(key)
  }

  /// A text of letters, digits and `marks`.
  private func text(_ key: TextKey, marks: String, most: Int, isRequired: Bool = false) -> String? {
    guard let text = table.text(key) else { return nil }
    let allowed = Set(marks.utf8)
    guard text.utf8.count <= most, text.utf8.allSatisfy({ $0.isLetterOrDigit || allowed.contains($0) }) else {
      report(key, "is '\(text)', expected \(key.form)", isRequired ? key.requiredRemedy() : nil)
      return nil
    }
    return text
  }

  private static func isProviderARN(_ text: String) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 5, parts[0] == "acs", parts[1] == "ram", parts[2].isEmpty, !parts[3].isEmpty,
      parts[3].utf8.allSatisfy(\.isDigit), parts[4].hasPrefix("oidc-provider/")
    else { return false }
    let name = parts[4].dropFirst("oidc-provider/".count)
    return (1...128).contains(name.utf8.count) && name.utf8.allSatisfy { $0.isVisible && $0 != UInt8(ascii: "/") }
  }

  /// Whoever may write to such a file decides who signs. It may be made later; then each use checks it again.
  private func checkWriters(of path: String, _ key: TextKey) {
    guard let status = try? table.context.host.status(of: path) else {
      return checkDirectory(of: path)
    }
    table.context.trust.check(file: path, status)
  }

  /// Whoever may write to it can put another file or socket there. It may be made later, too.
  private func checkDirectory(of path: String) {
    let directory = PathText.directory(of: path)
    if (try? table.context.host.status(of: directory)) != nil { table.context.trust.check(directory: directory) }
  }
}

/// A literal address of this host, or of its link, perhaps with a port.
struct LocalAddress {
  let isLoopback: Bool
  let isMetadataPlace: Bool
  let hasPort: Bool

  /// Nil for anything else than a literal address.
  init?(_ text: String) {
    guard let endpoint = Endpoint(text), endpoint.description == text else { return nil }
    hasPort = endpoint.port != nil
    let host = endpoint.host
    if host == "[::1]" || host == "::1" {
      (isLoopback, isMetadataPlace) = (true, true)
      return
    }
    // With a leading zero, a number is octal to inet_aton(3).
    let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { text in
      UInt8(text).flatMap { "\($0)" == text ? $0 : nil }
    }
    guard parts.count == 4, !parts.contains(nil) else { return nil }
    isLoopback = parts[0] == 127
    isMetadataPlace =
      isLoopback || (parts[0] == 169 && parts[1] == 254) || text == Schema.Source.standardMetadataAddress
  }
}

extension StartTrials.Finding {
  /// The same of a file without which the daemon starts, too.
  fileprivate var takenUp: StartTrials.Finding {
    severity == .error ? Self(.warning, problem, remedy + SecretFileCheck.takenUp, isDenied: isDenied) : self
  }
}

import Core

/// Reads the templates of credential files, each file once: many outputs may share one.
final class TemplateFiles {
  private let host: any Host
  private let findings: Findings
  private let trust: PathTrust
  private var known: [String: CredentialTemplate?] = [:]
  /// The content of each file that was read.
  private(set) var files: [SettingsContent.File] = []
  /// The path of each file, and a place in the settings that names it.
  private(set) var named: [String: Place] = [:]

  init(host: any Host, findings: Findings, trust: PathTrust) {
    self.host = host
    self.findings = findings
    self.trust = trust
  }

  /// Nil if something is wrong with it. That is reported once, at `place`, the key that names the file.
  func template(in path: String, namedAt place: Place) -> CredentialTemplate? {
    if let known = known[path] { return known }
    named[path] = place
    let template = read(path, place)
    known[path] = .some(template)
    return template
  }

  private func read(_ path: String, _ place: Place) -> CredentialTemplate? {
    let bytes: [UInt8]
    do throws(HostError) {
      let (status, content) = try host.read(path, limit: CredentialTemplate.maxBytes)
      trust.check(file: path, status)
      files.append(SettingsContent.File(path: path, bytes: content))
      bytes = content
    } catch {
      findings.unreadable(
        place, "names '\(path)', which can't be read: \(error)", host.remedy(forUnreadable: path, error), error)
      return nil
    }
    do throws(CredentialTemplate.Problem) {
      let template = try CredentialTemplate(bytes)
      if !template.hasFields {
        findings.warning(
          place, "names '\(path)', which has no place for a field, so that the file never has a credential",
          "write places such as {{access_key_id}} there")
      }
      return template
    } catch {
      findings.error(
        Place(file: path, line: error.line, column: error.column, key: place.key), error.problem, error.remedy)
      return nil
    }
  }
}

import Core
import JSON
import Policies

/// Reads session policies, each file once: many roles may share one.
final class PolicyFiles {
  /// AssumeRole refuses 2048 bytes and more (STS API reference, error InvalidParameter.PolicySize).
  static let maxSentBytes = 2047
  /// The limit for a file, which may have blanks and indentation.
  static let maxFileBytes = 64 * 1024

  private let host: any Host
  let findings: Findings
  private let trust: PathTrust
  private var known: [String: [UInt8]?] = [:]
  /// The content of each file that was read.
  private(set) var files: [SettingsContent.File] = []
  /// Who has which policy; kept for a check alone.
  private(set) var uses: [SessionPolicyFile] = []
  /// The path of each file, and a place in the settings that names it.
  private(set) var named: [String: Place] = [:]

  init(host: any Host, findings: Findings, trust: PathTrust) {
    self.host = host
    self.findings = findings
    self.trust = trust
  }

  /// The policy as it is sent; nil if something is wrong with it. That is reported once, at `place`, the key that names
  /// the file.
  func policy(in path: String, namedAt place: Place) -> [UInt8]? {
    if let known = known[path] { return known }
    named[path] = place
    let policy = read(path, place)
    known[path] = .some(policy)
    return policy
  }

  /// Remembers for a check whose policy it is; `scope` is nil for the role's own.
  func note(_ path: String, of role: RoleName, scope: RoleName? = nil) {
    uses.append(SessionPolicyFile(role: role, scope: scope, path: path))
  }

  private func read(_ path: String, _ place: Place) -> [UInt8]? {
    let bytes: [UInt8]
    do throws(HostError) {
      let (status, content) = try host.read(path, limit: Self.maxFileBytes)
      trust.check(file: path, status)
      files.append(SettingsContent.File(path: path, bytes: content))
      bytes = ByteOrderMark.removed(from: content)
    } catch {
      findings.unreadable(
        place, "names '\(path)', which can't be read: \(error)", host.remedy(forUnreadable: path, error), error)
      return nil
    }
    guard !ByteOrderMark.isUTF16(bytes.span) else {
      findings.error(place, "names '\(path)', which is UTF-16", "save it as UTF-8, which is what JSON is")
      return nil
    }
    return check(bytes, path, place)
  }

  private func check(_ bytes: [UInt8], _ path: String, _ place: Place) -> [UInt8]? {
    func inFile(_ offset: Int) -> Place {
      let position = JSONPosition(of: offset, in: bytes.span)
      return Place(file: path, line: position.line, column: position.column, key: place.key)
    }
    do throws(JSONError) {
      let document = try JSONDocument(bytes.span)
      var reader = PolicyReader()
      let isPolicy = reader.read(document.root) != nil
      for problem in reader.problems {
        switch problem.severity {
        case .error: findings.error(inFile(problem.offset), "is not a RAM policy: \(problem.problem)", problem.remedy)
        case .warning:
          findings.warning(
            inFile(problem.offset), "may be refused by RAM: \(problem.problem)", "\(problem.remedy)")
        }
      }
      var minified: [UInt8] = []
      document.root.copyMinified(into: &minified)
      guard minified.count <= Self.maxSentBytes else {
        findings.error(
          place,
          "names '\(path)', which has \(minified.count) bytes without its blanks, allowed are \(Self.maxSentBytes)",
          "shorten it, or give the role itself fewer permissions")
        return nil
      }
      return isPolicy ? minified : nil
    } catch {
      let reason = error.problem == .unexpectedByte ? "unexpected character" : error.reason
      findings.error(inFile(error.offset), "is not valid JSON: \(reason)", "correct the policy file there")
      return nil
    }
  }
}

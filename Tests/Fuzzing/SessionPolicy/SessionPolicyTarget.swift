import FuzzSupport
import JSON

@testable import Emulator
@testable import Settings

/// The text of a `policy_file`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let text = Array(UnsafeBufferPointer(start: data, count: size))
  requireJSONIdentity(of: text.span)
  compareReaders(text)

  let findings = Findings()
  let host = PolicyHost(text: text)
  let policies = PolicyFiles(host: host, findings: findings, trust: PathTrust(host: host, findings: findings))
  let policy = policies.policy(in: PolicyHost.path, namedAt: Place(file: "/settings.toml", line: 1, key: "policy_file"))
  require((policy == nil) == findings.hasErrors, "a policy with errors, or none without")
  check(findings.diagnostics, lines: text.count { $0 == UInt8(ascii: "\n") } + 1)

  // What the cloud takes, as the emulator knows it, is never refused here.
  let sent = policy ?? minified(text)
  let isPolicy =
    sent.count <= PolicyFiles.maxSentBytes && Policy(String(decoding: sent, as: UTF8.self), kind: .identity) != nil
  require(policy != nil || !isPolicy, "refused, though STS would take it: \(findings.diagnostics)")
  if let policy { check(policy, of: text) }
  return 0
}

private func check(_ policy: [UInt8], of text: [UInt8]) {
  require(policy.count <= PolicyFiles.maxSentBytes, "\(policy.count) bytes are sent")
  if let document = try? JSONDocument(text.span) { requireSame(document.root, policy, "as it is sent") }
  require(minified(policy) == policy, "minified twice it is another text")
}

private func check(_ diagnostics: [Diagnostic], lines: Int) {
  for finding in diagnostics {
    require(!finding.problem.isEmpty && !finding.remedy.isEmpty, "a finding without a problem or a remedy")
    let most = finding.place.file == PolicyHost.path ? lines : 1
    require((1...most).contains(finding.place.line ?? 1), "a finding in line \(finding.place.line ?? 0) of \(most)")
  }
}

/// The text without its blanks; nothing when it isn't JSON.
private func minified(_ text: [UInt8]) -> [UInt8] {
  guard let document = try? JSONDocument(text.span) else { return [] }
  var minified: [UInt8] = []
  document.root.copyMinified(into: &minified)
  return minified
}

/// The daemon's reader of JSON and the emulator's, written apart from each other, take the same texts; but the emulator's
/// nests to 16.
private func compareReaders(_ text: [UInt8]) {
  guard let string = String(validating: text, as: UTF8.self) else { return }
  let isOurs = (try? JSONDocument(text.span)) != nil
  let isTheirs = PolicyValue(json: string) != nil
  require(isOurs || !isTheirs, "only the emulator's reader takes it")
  require(isTheirs || !isOurs || depth(text) > 16, "only the daemon's reader takes it")
}

/// How deep the brackets of a JSON text nest.
private func depth(_ text: [UInt8]) -> Int {
  var (depth, most) = (0, 0)
  var (inString, isEscaped) = (false, false)
  for byte in text {
    if !inString {
      if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { depth += 1 }
      if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") { depth -= 1 }
      most = max(most, depth)
    }
    if byte == UInt8(ascii: "\""), !isEscaped { inString.toggle() }
    isEscaped = inString && !isEscaped && byte == UInt8(ascii: "\\")
  }
  return most
}

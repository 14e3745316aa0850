import CloudAPI
import Core

extension Bundle {
  /// The AccessKeyId of the role's session; nil if there is none.
  func accessKeyID(of role: RoleName) -> String? {
    if case .session(let session)? = roles[role] { session.assumed.accessKeyID } else { nil }
  }
}

extension Failure {
  /// Combines the failures of all machines of a tier: the first that a person has to fix, or else the first, with the codes of the others.
  /// It passes by itself if one of them does.
  init(ofMachines all: [Failure]) {
    let lead = all.first { $0.kind == .permanent || $0.code == TransportFailureCode.untrusted } ?? all[0]
    let others = all.filter { $0 != lead }.map(\.code).joined(separator: ", ")
    let isPermanent = all.allSatisfy { $0.kind == .permanent }
    self.init(
      isPermanent ? .permanent : .transient, code: lead.code, httpStatus: lead.httpStatus,
      notBefore: all.compactMap(\.notBefore).max(),
      advice: others.isEmpty ? lead.advice : "\(lead.advice); the other machines gave no bundle either (\(others))")
  }
}

extension Failure {
  /// The code of a certificate, key or CA file of this host that can't be used, so that no machine of a tier is asked.
  static let tierFilesCode = "TierFiles"

  var isOfOwnFiles: Bool { code == Self.tierFilesCode }
}

package import Core

/// What the metrics report of other units' credentials.
package struct UnitFigures: Sendable {
  /// Why a unit got none, by the names that the metrics have.
  package enum Refusal: String, CaseIterable, Sendable {
    case notAllowed = "not_allowed"
    case noSession = "no_session"
    /// The format that was asked for can't hold the credential.
    case unfitFormat = "unfit_format"
    case unknownCredential = "unknown_credential"
    /// The peer isn't who its address says, or isn't a unit's at all.
    case otherPeer = "other_peer"
    case stopping
    case notServing = "not_serving"
  }

  /// How many credentials were handed out, by role.
  package var handouts: [RoleName: UInt64] = [:]
  package var refusals: [Refusal: UInt64] = [:]
  /// How many units wait for one.
  package var waiting = 0

  package init() {}
}

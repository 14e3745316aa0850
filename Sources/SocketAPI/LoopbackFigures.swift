/// Counts at the loopback addresses, since the daemon started.
struct LoopbackFigures {
  /// Why a request wasn't answered as asked.
  enum Reason: String, CaseIterable {
    /// The role, or the scope, isn't open to the caller.
    case notAllowed = "not_allowed"
    /// The caller can't be identified.
    case caller
    /// A web page's request, a wrong Host, or a connection that the server refused or ended.
    case request
  }

  /// Requests whose caller was judged.
  var requests: UInt64 = 0
  private(set) var refusals: [Reason: UInt64] = [:]

  mutating func note(_ refusal: RefusalLog.Loopback) {
    let reason: Reason
    switch refusal {
    case .role: reason = .notAllowed
    case .caller: reason = .caller
    case .request: reason = .request
    // Not a refusal.
    case .flood: return
    }
    refusals[reason, default: 0] += 1
  }
}

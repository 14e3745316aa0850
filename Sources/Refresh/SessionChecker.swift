package import CloudAPI
package import Core
package import SessionStore

/// What STS says of a session that signs for itself.
package enum CheckOutcome {
  /// It doesn't know the session any more.
  case condemned(Failure)
  case inUse
  /// It couldn't be asked, or said something else, which proves nothing.
  case unchecked(Failure)
}

extension CheckOutcome {
  /// By the answer to GetCallerIdentity, which needs no permission: whoever is refused isn't known.
  package init(_ answer: STSAnswer<CallerIdentity>) {
    switch answer {
    case .granted: self = .inUse
    case .refused(let failure): self = Self.condemns(failure.code) ? .condemned(failure) : .unchecked(failure)
    }
  }

  /// Only these are about the session itself: a throttle, a clock or a server in trouble say nothing of it.
  private static func condemns(_ code: String) -> Bool {
    code.hasPrefix("InvalidAccessKeyId.") || code.hasPrefix("InvalidSecurityToken.")
  }
}

/// Asks STS whether sessions are still good, without ever blocking.
package protocol SessionChecker: AnyObject {
  /// Whether another request may be started.
  var hasRoom: Bool { get }

  /// Asks by a request that the session signs; `completion` is called later, once, from the loop, unless the check is
  /// cancelled before.
  func check(_ session: StoredSession, completion: @escaping (CheckOutcome) -> Void) -> CallID

  func cancel(_ check: CallID)
}

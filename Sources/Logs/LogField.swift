package import Core

/// A variable part of a log line. In the journal each field becomes `ROLEKEEPER_NAME`, so that `journalctl
/// ROLEKEEPER_ROLE=uploader` finds all lines about a role.
package struct LogField: Hashable, Sendable {
  package enum Name: String, CaseIterable, Sendable {
    case role, scope, generation, expires, remaining, code, advice, next, count, total, uid, pid, user, program, path,
      source
    case arn, endpoint, found, reason, result, seconds, unit, via, owner, group, mode, host, shard
    case accessKeyID = "access_key_id"
    case httpStatus = "http_status"
    case requestID = "request_id"
    case previousARN = "previous_arn"

    /// The name of the field in the journal. It has to keep to the journal's rules: a field with another name is dropped without an
    /// error, and its value with it (journal_field_valid() in systemd's journal-file.c).
    package var inJournal: String { "ROLEKEEPER_\(rawValue.uppercased())" }
  }

  package let name: Name
  package let value: String

  private init(_ name: Name, _ value: String) {
    self.name = name
    self.value = value
  }

  /// The unit of a number in the text of a line; empty if the field's name implies it.
  var unit: String {
    switch name {
    case .remaining, .next: "s"
    default: ""
    }
  }
}

// MARK: - Roles and sessions

extension LogField {
  package static func role(_ name: RoleName) -> Self { Self(.role, name.description) }
  package static func role(_ name: String) -> Self { Self(.role, name) }

  /// A scope of that role.
  package static func scope(_ name: RoleName) -> Self { Self(.scope, name.description) }

  /// A role's generation; nil for a session that isn't published.
  package static func generation(_ number: UInt64?) -> Self { Self(.generation, number.map { "\($0)" } ?? "none") }

  /// The AccessKeyId of a session or of a source; never its secret. A source's is masked until STS has accepted the key.
  package static func accessKeyID(_ id: String) -> Self { Self(.accessKeyID, id) }

  /// When a session expires, `YYYY-MM-DDThh:mm:ssZ` by the server's time.
  package static func expires(_ time: UTCTime) -> Self { Self(.expires, time.description) }

  /// The remaining time, in whole seconds.
  package static func remaining(_ life: Duration) -> Self { Self(.remaining, "\(life.wholeSeconds)") }
}

// MARK: - Failures

extension LogField {
  /// The cloud's error code, or a code of our own for a failure on the way.
  package static func code(_ code: String) -> Self { Self(.code, code) }
  package static func httpStatus(_ status: Int) -> Self { Self(.httpStatus, "\(status)") }

  /// The RequestId by which the vendor finds the call.
  package static func requestID(_ id: String) -> Self { Self(.requestID, id) }

  /// What an operator can do.
  package static func advice(_ text: String) -> Self { Self(.advice, text) }

  /// When the next attempt is, in seconds from now: rounded up, and never 0, which would look as if it had been made already.
  package static func next(in wait: Duration) -> Self {
    let seconds = wait.wholeSeconds + (wait > .seconds(wait.wholeSeconds) ? 1 : 0)
    return Self(.next, "\(max(1, seconds))")
  }

  /// The sentence of an error or a diagnostic.
  package static func reason(_ sentence: String) -> Self { Self(.reason, sentence) }

  /// What was found where something else was expected: `mode 0644 instead of 0440`.
  package static func found(_ text: String) -> Self { Self(.found, text) }
}

extension LogField {
  /// The result of an attempt, in one word.
  package static func result(_ word: String) -> Self { Self(.result, word) }
}

extension [LogField] {
  /// The known parts of a failure: code and advice, and the answer's status and RequestId if there are any.
  package init(_ failure: Failure) {
    self = [.code(failure.code), .advice(failure.advice)]
    if let status = failure.httpStatus { append(.httpStatus(status)) }
    if let id = failure.requestID { append(.requestID(id)) }
  }
}

// MARK: - Numbers and spans

extension LogField {
  /// A count, for example of consecutive failures, or of roles with a credential.
  package static func count(_ number: Int) -> Self { Self(.count, "\(number)") }

  /// The total that a count is part of.
  package static func total(_ number: Int) -> Self { Self(.total, "\(number)") }

  /// A span of time in whole seconds.
  package static func seconds(_ span: Duration) -> Self { Self(.seconds, "\(span.wholeSeconds)") }
}

// MARK: - Callers

extension LogField {
  /// The calling process, as the kernel reports it.
  package static func uid(_ uid: UInt32) -> Self { Self(.uid, "\(uid)") }
  package static func pid(_ pid: Int32) -> Self { Self(.pid, "\(pid)") }

  /// The name of the user `uid`, if the host has one.
  package static func user(_ name: String) -> Self { Self(.user, name) }

  /// How a credential is handed out.
  package enum Way: String, Sendable {
    case socket
    /// By the loopback URI.
    case loopback
    /// To the service manager, for a unit that starts.
    case loadCredential = "LoadCredential"
    case file
    /// To another host, through the trusted proxy.
    case bundle
  }

  /// Another host that gets a credential, by the name in its certificate.
  package static func host(_ name: String) -> Self { Self(.host, name) }

  /// The number of the shard of other hosts that a session is for.
  package static func shard(_ number: Int) -> Self { Self(.shard, "\(number)") }

  package static func via(_ way: Way) -> Self { Self(.via, way.rawValue) }

  /// The system unit that requests a credential, or whose process does.
  package static func unit(_ name: UnitName) -> Self { Self(.unit, name.description) }

  /// The process's program: its executable's path or its name; left out if /proc doesn't show it.
  package static func program(_ name: String) -> Self { Self(.program, name) }
}

// MARK: - Places and names

extension LogField {
  package static func path(_ path: String) -> Self { Self(.path, path) }

  /// The owner of a file, as a number.
  package static func owner(_ uid: UInt32) -> Self { Self(.owner, "\(uid)") }
  /// The group of a file, as a number.
  package static func group(_ gid: UInt32) -> Self { Self(.group, "\(gid)") }
  /// Permission bits of a file, as `0440`.
  package static func mode(_ bits: UInt32) -> Self { Self(.mode, "0" + String(bits, radix: 8)) }

  /// The name of a source in the settings.
  package static func source(_ name: String) -> Self { Self(.source, name) }

  /// The owner of an AccessKey, by GetCallerIdentity.
  package static func arn(_ arn: String) -> Self { Self(.arn, arn) }

  /// The owner of the previous key.
  package static func previousARN(_ arn: String) -> Self { Self(.previousARN, arn) }

  /// An endpoint of STS, host or host:port.
  package static func endpoint(_ name: String) -> Self { Self(.endpoint, name) }
}

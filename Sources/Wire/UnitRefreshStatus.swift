package import Core
package import JSON

/// What became of the attempt to reload a unit for a role's new credential, by the names that metrics, journal and status have.
package enum UnitResult: String, CaseIterable, Sendable {
  /// It was reloaded, or restarted.
  case done
  /// It doesn't run and reads the new credential when it starts.
  case inactive
  /// It has failed, so it doesn't run.
  case unitFailed = "unit_failed"
  case stopping
  case masked
  case notFound = "not_found"
  /// Its job failed, or wasn't queued.
  case jobFailed = "job_failed"
  /// polkit doesn't permit it.
  case notAllowed = "not_allowed"
  /// Its job, or its start, took too long.
  case timeout
  /// There is no bus, or the service manager doesn't answer.
  case unreachable

  /// Whether the unit may still run with an older credential.
  package var isFailure: Bool {
    switch self {
    case .done, .inactive, .unitFailed, .stopping, .masked, .notFound: false
    case .jobFailed, .notAllowed, .timeout, .unreachable: true
    }
  }
}

/// The status of a unit in a role's `refresh_units`.
package struct UnitRefreshStatus: WireDocument, Hashable, Sendable {
  package var unit: String
  /// Of the last attempt; nil while the first one is under way, and for a word of a newer daemon.
  package var result: UnitResult?
  /// The role's generation that the attempt was for.
  package var generation: UInt64
  package var at: UTCTime?
  /// Why it failed; nil if it didn't.
  package var lastError: String?

  package init(unit: String, result: UnitResult?, generation: UInt64, at: UTCTime?, lastError: String? = nil) {
    self.unit = unit
    self.result = result
    self.generation = generation
    self.at = at
    self.lastError = lastError
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    unit = try value.text("unit")
    result = try value.optionalText("result").flatMap(UnitResult.init(rawValue:))
    generation = try value.generation()
    at = try value.optionalTime("at")
    lastError = try value.optionalText("last_error")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("unit", unit)
      json.member("result", orNull: result?.rawValue)
      json.member("generation", Int64(clamping: generation))
      json.member("at", at)
      json.member("last_error", orNull: lastError)
    }
  }
}

/// What the metrics report of units that are reloaded after rotations.
package struct UnitJobFigures: Sendable {
  /// How often attempts have ended, by their result.
  package let results: [UnitResult: UInt64]
  /// How many units are being reloaded, or wait for that.
  package let pending: Int

  package init(results: [UnitResult: UInt64] = [:], pending: Int = 0) {
    self.results = results
    self.pending = pending
  }
}

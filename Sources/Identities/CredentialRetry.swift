package import Core
package import Systemd

/// Ends a process that has no AccessKey at all, and no session either, after 15 seconds, if systemd may have a key for the next process.
///
/// A systemd credential is copied when the service starts and, before systemd 260, never again. A file that arrives later, for
/// example from host provisioning, would have no effect until a person restarts the service. A process without a key that has sessions of the
/// process before serves on with them until the last one has expired. Meanwhile it reports what is missing in all the usual places.
package final class CredentialRetry {
  private static let interval: Int64 = 15_000_000

  private let scheduler: any Scheduler
  private let sources: () -> [any CredentialSource]
  private let hasSessions: () -> Bool
  private let endProcess: () -> Void
  private var timer: (any Alarm)!

  /// `sources` are those in force, `hasSessions` is whether any role has a session; `end` is called to end the process.
  package init(
    scheduler: any Scheduler, sources: @escaping () -> [any CredentialSource], hasSessions: @escaping () -> Bool,
    end: @escaping () -> Void
  ) throws {
    self.scheduler = scheduler
    self.sources = sources
    self.hasSessions = hasSessions
    endProcess = end
    timer = try scheduler.timer(accuracy: 1_000_000) { [unowned self] in look() }
    arm()
  }

  var isArmed: Bool { timer.isArmed }

  /// When the process ends, if there is no key by then; nil if it doesn't.
  package var end: Timestamp? {
    lacksKey && !hasSessions() ? timer.deadline.map { Timestamp(microseconds: $0) } : nil
  }

  /// Ends the process if there is still no key; a source with a file of its own may have got one meanwhile.
  func look() {
    timer.disarm()
    if hasSessions() { arm() } else if lacksKey { endProcess() }
  }

  private func arm() { if lacksKey { timer.arm(at: scheduler.time.microseconds + Self.interval) } }

  private var lacksKey: Bool {
    let sources = sources()
    return sources.contains { if case .credential? = ($0 as? AccessKeySource)?.location { true } else { false } }
      && sources.allSatisfy { !$0.isReady && !($0 is UpstreamSource) }
  }
}

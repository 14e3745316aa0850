package import Core
import Fleet
package import Settings
package import Systemd
package import Wire

/// Knows when the sources' client certificates end. Their files are read now and then on another thread, since a disk may hang; whoever
/// presents a certificate reads it by itself.
package final class CertificateWatch {
  /// In microseconds.
  private static let interval: Int64 = 60_000_000

  private let scheduler: any Scheduler
  /// The certificates' files, by the names of the sources.
  private var files: [String: String] = [:]
  private var certificates: [String: ClientCertificate] = [:]
  private var look: AnyObject?
  private var timer: (any Alarm)!

  package init(scheduler: any Scheduler) throws {
    self.scheduler = scheduler
    timer = try scheduler.timer(accuracy: 5_000_000) { [unowned self] in lookAgain() }
  }

  /// Watches those of `sources` from now on.
  package func watch(_ sources: [SourceSettings]) {
    let new = Dictionary(
      sources.compactMap { source in source.identityFiles.map { (source.name, $0.certificate) } },
      uniquingKeysWith: { first, _ in first })
    certificates = certificates.filter { new[$0.key] == files[$0.key] }
    files = new
    // What is being read may be another file.
    look = nil
    lookAgain()
  }

  private func lookAgain() {
    guard !files.isEmpty else { return timer.disarm() }
    timer.arm(at: scheduler.time.microseconds + Self.interval)
    guard look == nil else { return }
    // Without a thread for it, it is tried again in a minute.
    look = try? scheduler.call({ [files] in files.compactMapValues { ClientCertificate(file: $0) } }) {
      [unowned self] read in
      look = nil
      certificates = read
    }
  }

  /// The certificate of a source; nil if it has none, or it can't be read. `now` is the server's time.
  package func status(of source: String, at now: UTCTime) -> CertificateStatus? {
    certificates[source].map {
      CertificateStatus(
        name: $0.name, validFrom: $0.notBefore, validUntil: $0.notAfter, isRenewalDue: $0.isRenewalDue(at: now))
    }
  }
}

package import Core
import Fleet
package import HTTPClient
package import Logs
package import Secrets
package import Systemd
package import Wire

/// The files of the certificate by which a server knows this host, and of its key.
///
/// | what happens | what follows |
/// |---|---|
/// | both can be used, and are a pair | they are presented from the next request on |
/// | one can't be used | reported; the pair before, if any, is kept |
/// | they are no pair | the pair before is kept, and that is reported if it lasts for a minute: one file may be replaced before the other |
///
/// They are looked at before each request, and every minute. That reads them on the loop's thread, as OpenSSL did: some microseconds from a local disk;
/// nothing but a regular file is read.
package final class IdentityFiles {
  /// A certificate with its key, and what is to be said of it.
  struct Pair {
    let identity: ClientIdentity
    /// Nil for one that says nothing that can be read.
    let certificate: ClientCertificate?
  }

  /// Why the present files can't be used.
  package struct Problem {
    /// Names the file and the fix.
    package let sentence: String
    package let since: Timestamp
  }

  private static let interval = Duration.minutes(1)

  /// What is presented; nil as long as there was no pair that can be used.
  package var identity: ClientIdentity? { pair?.identity }
  /// The same with its certificate, however the file may look by now.
  private(set) var pair: Pair?
  package private(set) var problem: Problem?
  /// Called when `problem` may have changed.
  package var changed: () -> Void = {}

  private let certificate: String
  private let key: String
  private let source: String
  private let scheduler: any Scheduler
  private let log: Log?
  private var versions: [FileVersion?] = []
  private var lastRead: Timestamp
  /// Since when the files are no pair, unless that was reported.
  private var mismatch: Timestamp?
  private var timer: (any Alarm)!

  /// Reads both files. What can't be used then isn't logged: each request reports it.
  package init(certificate: String, key: String, source: String, scheduler: any Scheduler, log: Log?) throws {
    self.certificate = certificate
    self.key = key
    self.source = source
    self.scheduler = scheduler
    self.log = log
    lastRead = scheduler.time
    // It may share a wake-up with other timers.
    timer = try scheduler.timer(accuracy: 10_000_000) { [unowned self] in
      look()
      arm()
    }
    read()
    arm()
  }

  /// Why nothing can be presented.
  package var failure: Failure {
    Failure(.transient, code: LastError.unusableCertificate, advice: problem?.sentence ?? "not read yet")
  }

  /// Reads the files again if one of them is another by now, or couldn't be used a minute ago.
  package func look() {
    let isWaiting = problem != nil || mismatch != nil
    guard currentVersions != versions || (isWaiting && now - lastRead >= Self.interval) else { return }
    read()
  }

  private var now: Timestamp { scheduler.time }

  private var currentVersions: [FileVersion?] { [FileVersion(certificate), FileVersion(key)] }

  private func arm() { timer.arm(at: (now + Self.interval).microseconds) }

  private func read() {
    // Before they are read, so that a change in between is noticed.
    versions = currentVersions
    lastRead = now
    do throws(IdentityUnusable) {
      take(try Self.read(certificate: certificate, key: key))
    } catch {
      if error.isMismatch, identity != nil, problem == nil, now - (mismatch ?? now) < Self.interval {
        mismatch = mismatch ?? now
        return
      }
      mismatch = nil
      report("\(error)")
    }
  }

  private func take(_ new: Pair) {
    let isFirst = identity == nil && problem == nil
    let isSame = identity.map { new.identity.isSame(as: $0) } ?? false
    let hadProblem = problem != nil
    mismatch = nil
    problem = nil
    if !isSame { pair = new }
    if !isFirst, !isSame || hadProblem {
      log?.write(.clientCertificateReread, [.source(source), .path(certificate)])
    }
    if hadProblem { changed() }
  }

  private func report(_ sentence: String) {
    if sentence == problem?.sentence { return }
    problem = Problem(sentence: sentence, since: problem?.since ?? now)
    if identity != nil { log?.write(.clientCertificateNotReread, [.source(source), .reason(sentence)]) }
    changed()
  }
}

/// In the status. Without an identity, the requests report the problem.
extension IdentityFiles {
  package func report(to status: inout SourceStatus, clock: ServerClock) {
    guard identity != nil, let problem else { return }
    if status.state?.needsAttention != true { status.state = .unreadable }
    status.error =
      status.error
      ?? LastError(
        Failure(.permanent, code: LastError.unusableCertificate, advice: problem.sentence),
        since: clock.calendar(at: problem.since))
  }

  /// A clause for the service as a whole; nil if the present files are in use.
  package var trouble: String? {
    guard identity != nil, let problem else { return nil }
    return "source '\(source)': \(problem.sentence); the certificate and key read before stay in use"
  }
}

/// Why a certificate and its key can't be used.
package struct IdentityUnusable: Error, CustomStringConvertible {
  /// Names the file.
  package let problem: String
  package let remedy: String
  /// Whether this process lacks the permission to read the file.
  package var isDenied = false
  /// Whether both can be read, and the key is another certificate's.
  package var isMismatch = false

  package var description: String { "\(problem); \(remedy)" }
}

extension IdentityFiles {
  /// Larger than any chain of certificates.
  private static let mostBytes = 1 << 20

  static func read(certificate: String, key: String) throws(IdentityUnusable) -> Pair {
    let certificates = try readCertificates(certificate)
    let secret = try readKey(key)
    guard let identity = ClientIdentity(certificates: certificates, key: secret) else {
      throw IdentityUnusable(
        problem: "certificate '\(certificate)': it doesn't belong to the key '\(key)'",
        remedy: "put the key there that the certificate was issued for, or a certificate for that key", isMismatch: true
      )
    }
    return Pair(identity: identity, certificate: certificates.withBytes { ClientCertificate(text: $0) })
  }

  /// `checksOwner` is whether it may belong only to root and this process's user, and be written to by nobody else.
  package static func readCertificates(_ path: String, checksOwner: Bool = true) throws(IdentityUnusable) -> Secret {
    let content: Secret
    do throws(SecretFile.Unreadable) {
      content = try SecretFile.read(path, mayOthersRead: true, mayOthersWrite: !checksOwner, most: mostBytes)
    } catch {
      throw IdentityUnusable(
        problem: "certificate '\(path)': \(error.why)", remedy: error.fix, isDenied: error.isDenied)
    }
    guard let flaw = ClientIdentity.flaw(inCertificates: content) else { return content }
    let (why, fix) =
      switch flaw {
      case .empty: ("it is empty", "put this host's certificate there, in PEM form")
      case .der:
        (
          "it is in DER form",
          "convert it: openssl x509 -inform DER -in FILE -out NEW, and put the new file in its place"
        )
      case .mistaken: ("it holds a private key and no certificate", "put this host's certificate there, in PEM form")
      case .missing, .encrypted:
        ("it holds no certificate in PEM form", "put this host's certificate there, in PEM form")
      case .damaged: ("it holds a certificate that can't be read", "copy the certificate again")
      }
    throw IdentityUnusable(problem: "certificate '\(path)': \(why)", remedy: fix)
  }

  /// As `readCertificates`; and only if nobody but its owner may read it.
  package static func readKey(_ path: String, checksOwner: Bool = true) throws(IdentityUnusable) -> Secret {
    let content: Secret
    do throws(SecretFile.Unreadable) {
      content = try SecretFile.read(path, mayOthersRead: false, mayOthersWrite: !checksOwner, most: mostBytes)
    } catch {
      throw IdentityUnusable(problem: "key '\(path)': \(error.why)", remedy: error.fix, isDenied: error.isDenied)
    }
    guard let flaw = ClientIdentity.flaw(inKey: content) else { return content }
    let (why, fix) =
      switch flaw {
      case .empty: ("it is empty", "put the key of the certificate there, in PEM form")
      case .der:
        (
          "it is in DER form",
          "convert it: openssl pkey -inform DER -in FILE -out NEW, and put the new file in its place"
        )
      case .mistaken: ("it holds a certificate and no private key", "put the key of the certificate there, in PEM form")
      case .encrypted:
        (
          "it has a passphrase, which nobody can enter",
          "remove the passphrase: openssl pkey -in FILE -out NEW, and put the new file in its place, with mode 0400 for the daemon's user"
        )
      case .missing: ("it holds no private key in PEM form", "put the key of the certificate there, in PEM form")
      case .damaged: ("it holds a key that can't be read", "copy the key again")
      }
    throw IdentityUnusable(problem: "key '\(path)': \(why)", remedy: fix)
  }
}

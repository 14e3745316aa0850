package import CloudAPI
package import Core
package import Logs
package import Secrets
import Settings
package import Systemd

/// The AccessKey that signs AssumeRole, read from a file, which is watched for changes.
///
/// If the file can't be read, or is incomplete, the old key stays in use; it also does so until STS has accepted a new key
/// (`KeySuccession`). A systemd credential is a copy which systemd makes when the service starts. It changes with a restart, and from systemd
/// 260 with a reload, too, if the unit has RefreshOnReload=credentials (systemd.service(5)): then another directory is at its path.
package final class AccessKeySource {
  /// The place of the key.
  package enum Location: Equatable {
    /// An administrator's file, which only its owner may read.
    case file(String)
    /// A file that systemd put into the service's credentials directory, and protects.
    case credential(String)

    package var path: String {
      switch self {
      case .file(let path), .credential(let path): path
      }
    }

    /// Where another key has to be put, and how it is then read. Only the unit defines where a credential comes from; the shipped
    /// one passes one.
    package var keyPlace: String {
      switch self {
      case .file(let path): return "'\(path)', which the daemon reads again by itself"
      case .credential(let path):
        let isShipped = path.hasSuffix("/\(InstalledUnit.shippedCredential)")
        return "the file that the unit's LoadCredential= names"
          + (isShipped ? " (/etc/rolekeeper/access-key in the shipped unit)" : "")
          + ", then run: sudo systemctl restart rolekeeper"
      }
    }
  }

  /// Why the file can't be used at present.
  package struct FileError {
    /// Names the file and the fix.
    package let sentence: String
    package let since: Timestamp
  }

  package let name: String
  package let location: Location
  package private(set) var keys: KeySuccession
  package private(set) var fileError: FileError?
  /// Called when another key signs from now on, or STS has accepted the current one after refusing it.
  package var changed: () -> Void = {}
  /// Called when AssumeRole has accepted the current key after refusing it for a while.
  package var acceptedAgain: () -> Void = {}
  /// Called when the status may have changed.
  package var stateChanged: () -> Void = {}
  /// The service that finds a key's owner; nil until the connections for these settings are in force.
  package weak var identities: (any IdentityService)?

  let log: Log
  private let scheduler: any Scheduler
  private var watch: DirectoryWatch?
  private var timer: (any Alarm)!
  private var inquiries: [KeySuccession.InquiryID: AnyObject] = [:]
  private var chance = SystemChance()
  /// The source that this one replaces, until `takeOver`.
  private var predecessor: Predecessor?
  /// The source that has replaced this one and now manages the key.
  private weak var successor: AccessKeySource?

  /// Reads the key and starts watching its file. A file that can't be read yet is reported, and picked up when it can be read.
  ///
  /// Throws for a systemd credential that can't be used, unless `mayLackKey`: systemd copies it again only for a new start of the
  /// service.
  ///
  /// `memory` is an earlier process's knowledge of the key, and counts if the file still has that key.
  ///
  /// If there is a `predecessor` with a key, its key signs until STS has accepted the one at the new location. Before `takeOver`
  /// nothing is read, and nothing changes for the predecessor.
  package convenience init(
    name: String, at location: Location, succeeding predecessor: Predecessor? = nil, mayLackKey: Bool = false,
    after memory: KeyMemory = .nothing, loop: EventLoop, log: Log
  ) throws {
    try self.init(
      name: name, at: location, succeeding: predecessor, mayLackKey: mayLackKey, after: memory, loop: loop,
      log: log, watching: DirectoryWatch.Calls())
  }

  init(
    name: String, at location: Location, succeeding predecessor: Predecessor? = nil, mayLackKey: Bool = false,
    after memory: KeyMemory = .nothing, loop: EventLoop, log: Log, watching calls: DirectoryWatch.Calls
  ) throws {
    self.name = name
    keys = KeySuccession(after: memory)
    self.location = location
    self.log = log
    scheduler = loop
    timer = try scheduler.timer(accuracy: 100_000) { [unowned self] in handle(.timerFired) }
    // Watched before it is read, so that a change in between is noticed. A credential may change with a reload of the unit.
    watch = try DirectoryWatch(
      ofParentOf: location.path, loop: loop, calls: calls,
      faulted: { [unowned self] fault in
        // Mostly a credential doesn't change, and the reload that changes it reads it again.
        if case .file = location { report(fault) }
      },
      handler: { [unowned self] in reread() })
    if let predecessor, predecessor.source.key != nil {
      self.predecessor = predecessor
      keys = KeySuccession(succeeding: predecessor.source.keys)
      return
    }
    switch location {
    case .file: reread()
    case .credential: if mayLackKey { reread() } else { handle(.found(try Self.read(location))) }
    }
  }

  /// The signing key; nil until there is one that can be read.
  package var key: AccessKey? { keys.current?.key }

  // MARK: - Events

  /// Replaces the predecessor, if there is one: reads the key, and receives the outcomes of the predecessor's requests.
  package func takeOver() {
    guard let predecessor else { return }
    self.predecessor = nil
    if !predecessor.stays { predecessor.source.retire(for: self) }
    reread()
    handle(.timerFired)
  }

  private func retire(for successor: AccessKeySource) {
    self.successor = successor
    watch = nil
    timer.disarm()
    inquiries = [:]
    changed = {}
    stateChanged = {}
  }

  /// Reads the file again; a new key is used after STS has accepted it, an unreadable file is reported once and changes nothing.
  package func reread() {
    do {
      let found = try Self.read(location)
      if fileError != nil {
        fileError = nil
        if key != nil { log.write(.keyFileUsable, [.source(name), .path(location.path)]) }
        stateChanged()
      }
      handle(.found(found))
    } catch {
      handle(.lost)
      let sentence = "\(error)"
      if sentence == fileError?.sentence { return }
      fileError = FileError(sentence: sentence, since: fileError?.since ?? now)
      log.write(key == nil ? .noKey : .keyNotReread, [.source(name), .reason(sentence)])
      stateChanged()
    }
  }

  /// A person may have changed something, here or in the console.
  package func retry() {
    reread()
    handle(.retryRequested)
  }

  /// AssumeRole issued a session to the signer `key`.
  package func accepted(_ key: AccessKey) {
    if let successor { return successor.accepted(key) }
    // As for nearly every session, if nothing changes.
    if !keys.isAcceptedAgain(key, at: now) { handle(.accepted(key)) }
  }

  /// AssumeRole knows `key`, and denies its user the role.
  package func denied(_ key: AccessKey) {
    if let successor { return successor.denied(key) }
    handle(.denied(key))
  }

  /// The owner of `key`, if it is known and the key is the current one.
  package func identity(of key: AccessKey) -> CallerIdentity? {
    keys.current.flatMap { $0.key.isSame(as: key) ? $0.identity : nil }
  }

  /// AssumeRole refused `key` itself; the file may contain another one by now.
  package func refused(_ key: AccessKey, _ failure: Failure) {
    if let successor { return successor.refused(key, failure) }
    handle(.refused(key, failure))
    reread()
  }

  /// Whether it signs only while a tier is away: then STS is asked about the key without need, soon and each day.
  package func setStandsBy(_ value: Bool) { handle(.standsBy(value)) }

  private var now: Timestamp { scheduler.time }

  private func handle(_ event: KeySuccession.Event) {
    let before = state
    for effect in keys.handle(event, at: now, using: &chance) { perform(effect) }
    // Not everything that changes the state is reported here: a key's refusal by AssumeRole is in the role's report.
    if state != before { stateChanged() }
  }

  private func perform(_ effect: KeySuccession.Effect) {
    switch effect {
    case .ask(let id, let key):
      inquiries[id] = identities?.ask(SigningIdentity(key)) { [unowned self] answer in
        inquiries[id] = nil
        let answer =
          if case .refused(let failure) = answer {
            STSAnswer<CallerIdentity>.refused(failure.naming(keyPlace: location.keyPlace))
          } else { answer }
        handle(.answered(id, answer))
        stateChanged()
      }
    case .abandon(let id): inquiries[id] = nil
    case .arm(let deadline):
      guard deadline?.microseconds != timer.deadline else { return }
      if let deadline { timer.arm(at: deadline.microseconds) } else { timer.disarm() }
    case .keyChanged: changed()
    case .acceptedAgain: acceptedAgain()
    case .report(let report):
      self.report(report)
      stateChanged()
    }
  }

  // MARK: - Reading

  /// The hint for a source without a key.
  package var missingKeyAdvice: String { fileError?.sentence ?? "no AccessKey has been read yet" }

  /// Reads a key without storing it; throws a sentence that names the file and the fix.
  package static func read(_ location: Location, mayOthersRead: Bool = false) throws(AccessKeyUnusable) -> AccessKey {
    let path = location.path
    let content: Secret
    do throws(SecretFile.Unreadable) {
      content = try SecretFile.read(path, mayOthersRead: mayOthersRead || location != .file(path), most: 65_536)
    } catch {
      // Files in /run/credentials can't be added or changed there.
      throw AccessKeyUnusable(
        location: location, why: error.why, fix: location == .file(path) ? error.fix : nil, isDenied: error.isDenied)
    }
    if case .credential = location, content.withBytes({ Self.isMissing($0) }) {
      throw AccessKeyUnusable(location: location, why: "", isMissing: true)
    }
    return try parse(content, at: location)
  }

  /// Takes the key out of a file's content; `location` is for the error.
  package static func parse(_ content: Secret, at location: Location) throws(AccessKeyUnusable) -> AccessKey {
    do throws(AccessKeyFileError) {
      return try content.withBytes { (bytes) throws(AccessKeyFileError) in try AccessKeyFile.parse(bytes) }
    } catch {
      throw AccessKeyUnusable(location: location, why: error.why, fix: error.fix, isReadable: true)
    }
  }
}

extension AccessKeySource {
  /// Whether the unit passed this as a placeholder for a missing file.
  private static func isMissing(_ bytes: Span<UInt8>) -> Bool {
    let marker = Array(InstalledUnit.missingCredential.utf8)
    return bytes.count == marker.count && marker.indices.allSatisfy { bytes[$0] == marker[$0] }
  }
}

/// A file without a usable AccessKey.
package struct AccessKeyUnusable: Error, CustomStringConvertible {
  let location: AccessKeySource.Location
  package let why: String
  /// The fix for the file; nil if another one has to be changed, or nothing more is known.
  package var fix: String?
  /// Whether this process lacks the permission to read it.
  package var isDenied = false
  /// Whether the file can be read, and only its content is wrong.
  package var isReadable = false
  /// Whether systemd found no file to copy.
  var isMissing = false

  package var description: String { problem + (remedy.map { "\(isMissing ? ":" : ";") \($0)" } ?? "") }

  package var problem: String {
    isMissing
      ? "systemd found no regular file with the AccessKey when the service started"
      : "AccessKey file '\(location.path)': \(why)"
  }

  package var remedy: String? {
    if isMissing {
      return "put it where the unit's LoadCredential= looks for it "
        + "(as installed: sudo install -m 0400 AccessKey.csv /etc/rolekeeper/access-key), then run: sudo systemctl restart rolekeeper"
    }
    switch location {
    case .file: return fix
    case .credential:
      // Files in /run/credentials can't be changed: the fix is for the file that systemd copied.
      return
        "it is systemd's copy of the file that the unit's LoadCredential= names (/etc/rolekeeper/access-key as installed): "
        + "\(fix.map { "in that one, \($0)" } ?? "see to that one"), then run: sudo systemctl restart rolekeeper"
    }
  }
}

import Core
import Secrets
import Settings
import Systemd
import Wire

/// One role's files and their intended content.
final class ManagedOutputs {
  let role: RoleSettings
  let files: RoleOutputs
  /// The credential for the files; nil while none is valid.
  private(set) var credential: (any OutputCredential)?
  /// Its expiry in seconds since 1970, as recorded beside the files.
  private(set) var end = 0
  /// Whether this process has had a valid credential: until then an earlier process's files stay, as long as they may be valid.
  var isBegun = false
  /// When they were last written or verified.
  var lastTry = Timestamp(microseconds: 0)
  /// How often somebody changed a file, or a directory of ours.
  var driftCount: UInt64 = 0
  /// By the path of the role's directory or of a file elsewhere.
  private(set) var states: [String: OutputState] = [:]
  /// Condemned sessions, and when each lapses: files with them are removed where nothing else can be written.
  private var condemned: [SessionID: Timestamp] = [:]
  /// Paths that may contain credentials of other outputs, which had the path before: those are removed where nothing else can be
  /// written.
  private(set) var unwanted: Set<String> = []
  /// Paths that an earlier process wrote to.
  private var formerlyWritten: Set<String> = []

  /// Whether a write has failed and hasn't succeeded since.
  var isFailing: Bool { states.values.contains { $0.failure != nil } }

  /// The paths of the role's directory, if it has outputs there, and of the files elsewhere.
  var paths: Set<String> { Set(places.map { $0.paths(role: role.name.description, in: directory).target }) }
  /// The parent of the roles' directories when this was created.
  let directory: String
  private let places: [OutputFile]
  private let formats: [OutputFormat]
  private let scheduler: any Scheduler

  /// Nil for a role without files.
  init?(
    _ role: RoleSettings, in directory: String, _ writer: FileWriter, _ mounts: MountTable, scheduler: any Scheduler
  ) {
    let outputs = role.outputs.compactMap { settings in OutputFile(settings).map { (settings, $0) } }
    guard !outputs.isEmpty else { return nil }
    self.role = role
    self.scheduler = scheduler
    self.directory = directory
    places = outputs.map(\.1)
    formats = outputs.map(\.0.format)
    files = RoleOutputs(
      writer, directory: directory, role: role.name.description, outputs: places, mounts: mounts)
  }

  /// The files elsewhere, and their owners.
  var filesElsewhere: [(path: OutputPath, uid: UInt32)] { places.compactMap(\.elsewhere) }

  var usesDirectory: Bool { places.contains(where: \.isInRoleDirectory) }

  func wasWritten(at path: String) { formerlyWritten.insert(path) }

  /// Whether we have a file at `path`, as far as is known.
  func isWritten(_ path: String) -> Bool {
    guard let state = states[path] else { return formerlyWritten.contains(path) }
    if state.written != nil { return true }
    switch state.found {
    case .present: return true
    case .unknown: return formerlyWritten.contains(path)
    case .absent: return false
    }
  }

  /// Whether we may have a file at `path`: false if nothing could be written, or there is nothing.
  func mayHold(_ path: String) -> Bool {
    states[path] == nil || isWritten(path) || files.isWriting(at: path)
  }

  /// The outputs where we have no file.
  var unwritten: Set<OutputSettings.Location> {
    Set(
      role.outputs.filter { settings in
        OutputFile(settings).map { !mayHold($0.paths(role: role.name.description, in: directory).target) } ?? true
      }.map(\.location))
  }

  /// The contents in the order of the files, or why one can't be had; nil while no credential is valid.
  var contents: [Result<Secret, FormatError>]? {
    credential.map { credential in
      formats.map { format in
        Result { () throws(FormatError) in try credential.rendered(as: format, for: role.name) }
      }
    }
  }

  /// The outputs at the path of the role's directory, or of a file elsewhere, and where readers find them.
  func files(at path: String) -> [(path: String, file: OutputFile)] {
    places.compactMap { output in
      let (target, file) = output.paths(role: role.name.description, in: directory)
      return target == path ? (file, output) : nil
    }
  }

  /// Remembers what was written there; false if the log has it already.
  func recordWritten(_ session: SessionID, _ files: [OutputFile], at path: String) -> Bool {
    if let last = states[path]?.recorded, last.session == session, last.files == files { return false }
    states[path, default: OutputState()].recorded = (session, files)
    return true
  }

  /// Changes the state of a path; returns whether its readers would notice.
  func change(_ path: String, _ body: (inout OutputState) -> Void) -> Bool {
    var state = states[path] ?? OutputState()
    let before = state
    body(&state)
    states[path] = state
    return (before.written == nil) != (state.written == nil) || before.failure?.error != state.failure?.error
  }

  /// The status of each file, in the settings' order; `of` is the path of the role's directory or of one file elsewhere, nil for
  /// all.
  func statuses(of path: String? = nil, clock: ServerClock) -> [OutputStatus] {
    places.compactMap { output in
      let (target, file) = output.paths(role: role.name.description, in: directory)
      if let path, path != target { return nil }
      let state = states[target] ?? OutputState()
      let content = state.content(at: scheduler.wallSeconds)
      return OutputStatus(
        path: file, generation: content.generation, content: content.kind, expiresAt: content.end,
        lastError: state.failure?.error, since: state.failure.map { clock.calendar(at: $0.since) })
    }
  }

  var progress: WriteProgress {
    guard let credential else { return .complete }
    let unwritten = paths.filter { states[$0]?.written?.session != credential.session.id || states[$0]?.failure != nil }
    if unwritten.isEmpty { return .complete }
    return unwritten.allSatisfy { states[$0]?.failure != nil } ? .failing : .pending
  }

  /// Sets the credential for the files from now on.
  ///
  /// Its recorded end is the earlier one by the server's calendar and by this host's clock: whoever reads the record later has only
  /// the host's clock, which may or may not have been corrected since.
  func put(_ new: (any OutputCredential)?, at now: Timestamp) {
    if let new, new !== credential {
      let left = (new.session.expires - now).wholeSeconds
      end = Int(min(new.session.expiration.seconds, Int64(scheduler.wallSeconds) + left))
    }
    credential = new
  }

  /// Takes over the state of `other`, the outputs of the same role before a reload. If the role's sessions are for another purpose
  /// from now on, or have wider permissions than they should, nothing of theirs stays in the files.
  func takeOver(_ other: ManagedOutputs) {
    let isForTheSame = role.keepsSessions(of: other.role)
    if isForTheSame, let credential = other.credential {
      self.credential = credential
      end = other.end
    }
    // A withdrawal that hasn't succeeded yet is continued, too.
    isBegun = other.isBegun || !isForTheSame
    condemned = other.condemned
    unwanted = other.unwanted.intersection(paths)
    formerlyWritten = other.formerlyWritten.intersection(paths)
    for path in paths {
      guard let state = other.states[path] else { continue }
      states[path] = OutputState(written: state.written, found: state.found, seen: state.seen)
    }
    // Former readers may no longer read it, whatever becomes of the files that are written now.
    if isBegun { unwanted.formUnion(paths.filter { other.letsInMore(than: self, at: $0) }) }
  }

  /// Whether the files at `path` admit somebody whom those of `new` don't, or there are others.
  private func letsInMore(than new: ManagedOutputs, at path: String) -> Bool {
    let name = role.name.description
    return places.contains { old in
      old.paths(role: name, in: directory).target == path
        && !new.places.contains { $0.place == old.place && old.isWithin($0) }
    }
  }

  /// The content at `path` is another role's, unless these outputs have written there.
  func expectUnwanted(at path: String) {
    if states[path]?.written == nil { unwanted.insert(path) }
  }

  /// The content at `path` has been replaced or removed.
  func settle(_ path: String) { unwanted.remove(path) }

  /// Whether the content at `path` has to be removed even if nothing else can be written there.
  func mustGo(at path: String) -> Bool { holdsCondemned(at: path) || unwanted.contains(path) }

  /// The paths where the previous snapshot has a condemned session; each is returned once.
  func takeCondemnedPrevious() -> [String] {
    states.keys.filter { path in
      guard let previous = states[path]?.previous, condemned[previous] != nil else { return false }
      states[path]?.previous = nil
      return true
    }
  }

  /// A session that must not be handed out again, nor stay in files.
  func condemn(_ session: Session, at now: Timestamp) {
    condemned = condemned.filter { $0.value > now }
    condemned[session.id] = session.expires
  }

  /// Whether a condemned session is in the file, or in the directory's files.
  func holdsCondemned(at path: String) -> Bool {
    states[path]?.written.map { condemned[$0.session] != nil } ?? false
  }

  /// The places that have to be removed when `new` replaces these outputs, unless we have no file there. A role's directory removes
  /// its own files as long as it is used.
  func placesMissing(in new: ManagedOutputs?) -> [OutputFile] {
    let usesDirectory = new.map { $0.directory == directory && $0.places.contains(where: \.isInRoleDirectory) } ?? false
    let elsewhere = Set(new?.places.map(\.place) ?? [])
    return places.filter { place in
      place.isInRoleDirectory
        ? !usesDirectory
        : !elsewhere.contains(place.place) && mayHold(place.paths(role: role.name.description, in: directory).target)
    }
  }

  /// An earlier process's file counts as lapsed if it expires by this time, in seconds since 1970.
  var lapsing: Int { scheduler.wallSeconds + Int(role.timing.lapseMargin.wholeSeconds) }
}

/// How far a role's current credential is in its files.
package enum WriteProgress: Sendable {
  /// Some are being written.
  case pending
  /// Some couldn't be written, and all others are.
  case failing
  /// They all have it, or there are none.
  case complete
}

extension OutputSettings.Location {
  var isInRoleDirectory: Bool { if case .roleDirectory = self { true } else { false } }
}

/// The known state of a role's directory, or of one file elsewhere.
struct OutputState {
  /// What this process last wrote there: session, generation, and when it lapses and expires, even if a later write failed; nil for
  /// none.
  var written: (session: SessionID, generation: UInt64, lapses: Timestamp, expiration: UTCTime)?
  /// What the log says was written there.
  var recorded: (session: SessionID, files: [OutputFile])?
  /// What the last check found there, while this process hasn't written: an earlier process's content, for example.
  var found = OutputContent.unknown
  /// What a check found after something failed; nil if the content is as it was written.
  var seen: OutputContent?
  /// The session in the previous snapshot, which a directory keeps for current readers.
  var previous: SessionID?
  /// The last reported error, and since when.
  var failure: (error: String, since: Timestamp)?
  /// The last reported changes by others; empty once they have been fixed.
  var drifts: [OutputDrift] = []

  /// What readers find; `now` is the host's time in seconds since 1970.
  func content(at now: Int) -> (kind: OutputStatus.Content, generation: UInt64?, end: UTCTime?) {
    if let written {
      switch seen {
      case nil: return (.valid, written.generation, written.expiration)
      case .present(written.generation?, _): return (.valid, written.generation, written.expiration)
      case .absent: return (.none, nil, nil)
      // Somebody put something else there, or it can't be determined.
      case .present, .unknown: return (.unknown, nil, nil)
      }
    }
    switch found {
    case .unknown: return (.unknown, nil, nil)
    case .absent: return (.none, nil, nil)
    case .present(_, let end) where end <= now: return (.none, nil, nil)
    case .present(let generation, let end): return (.valid, generation, UTCTime(seconds: Int64(end)))
    }
  }
}

extension OutputFile {
  /// The unit that is written at once, and the path where readers find the file.
  func paths(role: String, in directory: String) -> (target: String, file: String) {
    switch place {
    case .inRoleDirectory(let name): ("\(directory)/\(role)", "\(directory)/\(role)/\(name)")
    case .elsewhere(let path): ("\(path)", "\(path)")
    }
  }

  /// For a file outside the role's directory.
  var elsewhere: (path: OutputPath, uid: UInt32)? { if case .elsewhere(let path) = place { (path, uid) } else { nil } }

  fileprivate var isInRoleDirectory: Bool { if case .inRoleDirectory = place { true } else { false } }

  /// Nil for a name or path that the settings should have refused.
  fileprivate init?(_ settings: OutputSettings) {
    let place: OutputPlace? =
      switch settings.location {
      case .roleDirectory(let name): OutputName(name).map { .inRoleDirectory($0) }
      case .elsewhere(let path): OutputPath(path).map { .elsewhere($0) }
      }
    guard let place else { return nil }
    self.init(place, uid: settings.uid, gid: settings.gid, mode: settings.mode)
  }
}

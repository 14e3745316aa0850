import Core
import Secrets
import Settings
import Systemd
import Wire

/// One role's files and what should be in them.
final class KeptOutputs {
  let role: RoleSettings
  let files: RoleOutputs
  /// What belongs into the files; nil while nothing is valid.
  private(set) var credential: (any OutputCredential)?
  /// When that ends, in seconds since 1970, as it is kept with the files.
  private(set) var end = 0
  /// Whether this process has had something valid: until then what an earlier one left stays, as long as it may be valid.
  var isBegun = false
  /// When they were last written or looked at.
  var lastTry = Timestamp(microseconds: 0)
  /// How often somebody changed a file, or a directory that is ours.
  var driftCount: UInt64 = 0
  /// By the path of the role's directory or of a file elsewhere.
  private(set) var states: [String: OutputState] = [:]
  /// The sessions that STS refuses, and when each lapses: their files go where nothing else can be written.
  private var condemned: [SessionID: Timestamp] = [:]
  /// Paths where credentials of other outputs may lie that had the place before: those go where nothing can be written in their place.
  private(set) var unwanted: Set<String> = []
  /// Paths where an earlier process wrote something.
  private var formerlyWritten: Set<String> = []

  /// Whether something couldn't be written and hasn't been since.
  var isFailing: Bool { states.values.contains { $0.failure != nil } }

  /// The paths of the role's directory, if it has outputs there, and of the files elsewhere.
  var paths: Set<String> { Set(places.map { $0.paths(role: role.name.description, in: directory).unit }) }
  /// Where the roles' directories were when it was made.
  let directory: String
  private let places: [OutputFile]
  private let formats: [CredentialFormat]
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

  /// Whether something of ours lies at `path`, as far as is known.
  func isWritten(_ path: String) -> Bool {
    guard let state = states[path] else { return formerlyWritten.contains(path) }
    if state.written != nil { return true }
    switch state.found {
    case .present: return true
    case .unknown: return formerlyWritten.contains(path)
    case .absent: return false
    }
  }

  /// Whether something of ours may lie at `path`: not where nothing could be written, or there is nothing.
  func mayHold(_ path: String) -> Bool {
    states[path] == nil || isWritten(path) || files.isWriting(at: path)
  }

  /// Where nothing of ours lies.
  var unwritten: Set<OutputSettings.Location> {
    Set(
      role.outputs.filter { settings in
        OutputFile(settings).map { !mayHold($0.paths(role: role.name.description, in: directory).unit) } ?? true
      }.map(\.location))
  }

  /// The contents in the order of the files.
  var contents: [Secret]? {
    credential.map { credential in formats.map { credential.rendered(as: $0) } }
  }

  /// Changes what is known of a place; returns the outputs there when their readers would notice.
  func change(_ path: String, _ body: (inout OutputState) -> Void) -> Bool {
    var state = states[path] ?? OutputState()
    let before = state
    body(&state)
    states[path] = state
    return (before.written == nil) != (state.written == nil) || before.failure?.error != state.failure?.error
  }

  /// How each file fares, in the settings' order; `of` is the path of one directory or file elsewhere, nil for all.
  func statuses(of path: String? = nil, clock: ServerClock) -> [OutputStatus] {
    places.compactMap { output in
      let (unit, file) = output.paths(role: role.name.description, in: directory)
      if let path, path != unit { return nil }
      let state = states[unit] ?? OutputState()
      let content = state.content(at: scheduler.wallSeconds)
      return OutputStatus(
        path: file, generation: content.generation, content: content.kind, expiresAt: content.end,
        lastError: state.failure?.error, since: state.failure.map { clock.calendar(at: $0.since) })
    }
  }

  /// What belongs into the files from now on.
  ///
  /// Its end is the earlier one of what the server's calendar and this host's clock say: who finds the file later knows the host's clock
  /// alone, and that may have been put right, or not, since.
  func put(_ new: (any OutputCredential)?, at now: Timestamp) {
    if let new, new !== credential {
      let left = (new.session.expires - now).wholeSeconds
      end = Int(min(new.session.expiration.seconds, Int64(scheduler.wallSeconds) + left))
    }
    credential = new
  }

  /// Goes on with what `other` had, which are the outputs of the same role before a reload. Where the role's sessions are for something
  /// else from now on, or may do more than they should, nothing of theirs stays in the files.
  func takeOver(_ other: KeptOutputs) {
    let isForTheSame = role.keepsSessions(of: other.role)
    if isForTheSame, let credential = other.credential {
      self.credential = credential
      end = other.end
    }
    // Also a withdrawal that hasn't succeeded yet goes on with these.
    isBegun = other.isBegun || !isForTheSame
    condemned = other.condemned
    unwanted = other.unwanted.intersection(paths)
    formerlyWritten = other.formerlyWritten.intersection(paths)
    for path in paths {
      guard let state = other.states[path] else { continue }
      states[path] = OutputState(written: state.written, found: state.found, seen: state.seen)
    }
    // Its readers of before may not read it any more, whatever becomes of the files that are written now.
    if isBegun { unwanted.formUnion(paths.filter { other.letsInMore(than: self, at: $0) }) }
  }

  /// Whether the files at `path` let somebody in whom those of `new` don't, or there are others.
  private func letsInMore(than new: KeptOutputs, at path: String) -> Bool {
    let name = role.name.description
    return places.contains { old in
      old.paths(role: name, in: directory).unit == path
        && !new.places.contains { $0.place == old.place && old.isWithin($0) }
    }
  }

  /// What lies at `path` is of other outputs, unless these have written there.
  func expectUnwanted(at path: String) {
    if states[path]?.written == nil { unwanted.insert(path) }
  }

  /// The content at `path` has been replaced or removed.
  func settle(_ path: String) { unwanted.remove(path) }

  /// Whether what is in the file, or in the directory's files, has to go even where nothing else can be written there.
  func mustGo(at path: String) -> Bool { holdsCondemned(at: path) || unwanted.contains(path) }

  /// The paths where the generation before the one in place has a session that STS refuses; asked once of each.
  func takeCondemnedPrevious() -> [String] {
    states.keys.filter { path in
      guard let previous = states[path]?.previous, condemned[previous] != nil else { return false }
      states[path]?.previous = nil
      return true
    }
  }

  /// A session that must not be handed out again, in files neither.
  func condemn(_ session: Session, at now: Timestamp) {
    condemned = condemned.filter { $0.value > now }
    condemned[session.id] = session.expires
  }

  /// Whether a session that STS refuses is in the file, or in the directory's files.
  func holdsCondemned(at path: String) -> Bool {
    states[path]?.written.map { condemned[$0.session] != nil } ?? false
  }

  /// What has to go when `new` takes the place of these outputs, unless nothing of ours lies there. A role's directory sees to its own files
  /// as long as it is used.
  func placesMissing(in new: KeptOutputs?) -> [OutputFile] {
    let usesDirectory = new.map { $0.directory == directory && $0.places.contains(where: \.isInRoleDirectory) } ?? false
    let elsewhere = Set(new?.places.map(\.place) ?? [])
    return places.filter { place in
      place.isInRoleDirectory
        ? !usesDirectory
        : !elsewhere.contains(place.place) && mayHold(place.paths(role: role.name.description, in: directory).unit)
    }
  }

  /// What an earlier process left is lapsed when it ends by this, in seconds since 1970.
  var lapsing: Int { scheduler.wallSeconds + Int(role.timing.lapseMargin.wholeSeconds) }
}

extension OutputSettings.Location {
  var isInRoleDirectory: Bool { if case .roleDirectory = self { true } else { false } }
}

/// What is known of a role's directory, or of one file elsewhere.
struct OutputState {
  /// The generation that this process wrote there last, when it lapses and when it ends, whatever couldn't be written since; nil for none.
  var written: (session: SessionID, generation: UInt64, lapses: Timestamp, expiration: UTCTime)?
  /// What the last look found there, while nothing of this process is there: of an earlier process, say.
  var found = OutputContent.unknown
  /// What a look found where something couldn't be done; nil for what is as it was written.
  var seen: OutputContent?
  /// The session in the generation before, which a directory keeps for those who read it.
  var previous: SessionID?
  /// Why it isn't as it should be, as last reported, and since when.
  var failure: (error: String, since: Timestamp)?
  /// What somebody changed, as last reported; empty once it has been put right.
  var drifts: [OutputDrift] = []

  /// What readers find; `now` is the host's time in seconds since 1970.
  func content(at now: Int) -> (kind: OutputStatus.Content, generation: UInt64?, end: UTCTime?) {
    if let written {
      switch seen {
      case nil: return (.valid, written.generation, written.expiration)
      case .present(written.generation?, _): return (.valid, written.generation, written.expiration)
      case .absent: return (.none, nil, nil)
      // Somebody put something else there, or nobody can tell.
      case .present, .unknown: return (.unknown, nil, nil)
      }
    }
    switch found {
    case .unknown: return (.unknown, nil, nil)
    case .absent: return (.none, nil, nil)
    case .present(_, let end) where end <= now: return (.none, nil, nil)
    case .present(let rotation, let end): return (.valid, rotation, UTCTime(seconds: Int64(end)))
    }
  }
}

extension OutputFile {
  /// What is written in one go, and where its readers find the file.
  func paths(role: String, in directory: String) -> (unit: String, file: String) {
    switch place {
    case .inRoleDirectory(let name): ("\(directory)/\(role)", "\(directory)/\(role)/\(name)")
    case .elsewhere(let path): ("\(path)", "\(path)")
    }
  }

  /// Of a file outside the role's directory.
  var elsewhere: (path: OutputPath, uid: UInt32)? { if case .elsewhere(let path) = place { (path, uid) } else { nil } }

  fileprivate var isInRoleDirectory: Bool { if case .inRoleDirectory = place { true } else { false } }

  /// Nil for a name or path that the settings should not have let through.
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

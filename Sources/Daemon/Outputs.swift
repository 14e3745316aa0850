import Core
import EventLoop
import FileOutput
import Glibc
import Logging
import Settings

/// The credential files of all roles: written at each rotation, looked after in between, removed when they lapse.
///
/// A failure is told once, the old content stays whole, and it is tried again every ten seconds. Once a minute each role's files are
/// looked at: what drifted in mode, owner or content is replaced.
final class Outputs {
  private static let retry: Int64 = 10_000_000
  private static let second: Int64 = 1_000_000
  private static let secondsPerRound = 60

  private final class Entry {
    let files: RoleOutputs
    let settings: RoleSettings
    var handout: Handout?
    /// The path and what is wrong with it, as it was told.
    var complaints: [String: String] = [:]
    /// When what an earlier process left must have lapsed; nil once there is something of our own, or nothing.
    var leftoverLapses: Timestamp?

    init(_ files: RoleOutputs, _ settings: RoleSettings) {
      self.files = files
      self.settings = settings
    }
  }

  private let writer: FileWriter
  private let logger: Logger
  private var directory: String
  private var entries: [RoleName: Entry] = [:]
  private var results: IOSource!
  private var retryTimer: TimerSource!
  private var roundTimer: TimerSource!
  private var round: [RoleName] = []

  init(loop: EventLoop, directory: String, logger: Logger) throws {
    self.directory = directory
    self.logger = logger
    writer = try FileWriter()
    results = try IOSource(loop, descriptor: writer.descriptor, events: .readable) { [unowned self] _ in writer.drain()
    }
    retryTimer = try TimerSource(loop, accuracy: Self.second) { [unowned self] in retryFailed() }
    roundTimer = try TimerSource(loop, accuracy: Self.second) { [unowned self] in lookAfterSome() }
  }

  /// Takes a role's outputs on, or anew when its settings changed; what was written for outputs that are no more is removed.
  func keep(_ role: RoleSettings) {
    if let old = entries.removeValue(forKey: role.name) {
      if Set(old.settings.outputs.map(\.location)) != Set(role.outputs.map(\.location)) {
        old.files.remove { _ in }
      }
    }
    guard !role.outputs.isEmpty else { return }
    let files = RoleOutputs(
      writer, directory: directory, role: role.name.description, outputs: role.outputs.compactMap { OutputFile($0) })
    let entry = Entry(files, role)
    entry.leftoverLapses = leftoverLapses(role)
    entries[role.name] = entry
    if !roundTimer.isArmed { roundTimer.arm(at: EventLoop.bootTime() + Self.second) }
  }

  func publish(_ role: KeptRole) {
    guard let entry = entries[role.name], let handout = role.current else { return }
    entry.handout = handout
    entry.leftoverLapses = nil
    write(entry)
  }

  /// The role's credential has lapsed.
  func withdraw(_ name: RoleName) {
    guard let entry = entries[name] else { return }
    entry.handout = nil
    entry.files.withdraw(completion: noting(entry))
  }

  /// The role is no more.
  func forget(_ name: RoleName) {
    guard let entry = entries.removeValue(forKey: name) else { return }
    entry.files.remove { [logger] result in
      if case .failure(let error) = result.outcome { logger.error("file not removed", [.reason: "\(error)"]) }
    }
  }

  /// Goes on in another directory; what lies in the old one is removed.
  func move(to directory: String) {
    guard directory != self.directory else { return }
    self.directory = directory
    for entry in Array(entries.values) {
      entry.files.remove { _ in }
      entries[entry.settings.name] = nil
      keep(entry.settings)
      guard let handout = entry.handout, let moved = entries[entry.settings.name] else { continue }
      moved.handout = handout
      write(moved)
    }
  }

  private func write(_ entry: Entry) {
    guard let handout = entry.handout else { return }
    let contents = entry.settings.outputs.map { $0.format == .json ? handout.document : handout.environment }
    entry.files.write(contents, completion: noting(entry))
  }

  /// Tells a failure once, and its end.
  private func noting(_ entry: Entry) -> RoleOutputs.Completion {
    { [unowned self, weak entry] result in
      guard let entry else { return }
      let role = entry.settings.name.description
      switch result.outcome {
      case .success:
        if entry.complaints.removeValue(forKey: result.path) != nil {
          logger.notice("file can be written again", [.role: role, .path: result.path])
        }
      case .failure(let error):
        let complaint = "\(error)"
        if entry.complaints.updateValue(complaint, forKey: result.path) != complaint {
          logger.error("file not written, keeping what is there", [.role: role, .reason: complaint])
        }
        if !retryTimer.isArmed { retryTimer.arm(at: EventLoop.bootTime() + Self.retry) }
      }
    }
  }

  private func retryFailed() {
    for entry in entries.values where !entry.complaints.isEmpty { bringUpToDate(entry) }
  }

  private func bringUpToDate(_ entry: Entry) {
    if entry.handout != nil {
      write(entry)
    } else if entry.leftoverLapses == nil {
      entry.files.withdraw(completion: noting(entry))
    }
  }

  /// Looks after a sixtieth of the roles, so that each has its turn in a minute and none of them makes the others wait.
  private func lookAfterSome() {
    if round.isEmpty { round = Array(entries.keys) }
    let now = Keeper.now()
    for name in round.suffix(max(1, entries.count / Self.secondsPerRound)) {
      guard let entry = entries[name], entry.complaints.isEmpty else { continue }
      if let lapses = entry.leftoverLapses {
        if lapses <= now {
          entry.leftoverLapses = nil
          entry.files.withdraw(completion: noting(entry))
        }
      } else if entry.handout != nil {
        write(entry)
      }
    }
    round.removeLast(min(round.count, max(1, entries.count / Self.secondsPerRound)))
    if !entries.isEmpty { roundTimer.arm(at: EventLoop.bootTime() + Self.second) }
  }

  /// When the files that an earlier process left hold nothing valid any more: no session outlives its DurationSeconds, counted
  /// from when it was written.
  private func leftoverLapses(_ role: RoleSettings) -> Timestamp? {
    let written = role.outputs.compactMap { output -> Int64? in
      let path =
        switch output.location {
        case .roleDirectory(let name): "\(directory)/\(role.name)/\(name)"
        case .elsewhere(let path): path
        }
      var status = stat()
      return stat(path, &status) == 0 ? Int64(status.st_mtim.tv_sec) : nil
    }
    guard let first = written.min() else { return nil }
    let age = Duration.seconds(max(0, Int64(Glibc.time(nil)) - first))
    return Keeper.now() + role.timing.duration - age
  }
}

extension OutputFile {
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

import Core
import Glibc
package import Systemd

/// Watches the directories in the arguments, for `--watch`: reports files when they have appeared and settled.
///
/// Everything is listed again after a change, when a file may have settled, and from time to time, since a change may
/// go unnoticed: on a network file system, with a full queue, or if no more watches are available. The list is made
/// beside the loop. Between two lists there is at least a second, and ten times the duration of a list. Every few
/// seconds the watched directories themselves are examined: no watch reports that a link to one was switched, or that
/// something was mounted over it.
package final class WatchedInput {
  /// Reports changes in directories.
  package protocol Watches: AnyObject {
    var onChange: (() -> Void)? { get set }

    /// Watches exactly these directories. True if one of them wasn't watched before: changes in it may have gone
    /// unnoticed.
    func follow(_ directories: [String]) -> Bool
  }

  /// What has become of a directory that is watched, or of something in it.
  package enum Change: Equatable, Sendable {
    /// It can't be read: the rest is watched on, and so is what will be at its path.
    case gone(InputEntry)
    /// Of a watched directory.
    case back(path: String)
    /// Of something in one, which can be read by now or isn't there any more.
    case over(path: String)
  }

  /// Identifies the directory at a path.
  package struct Place: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64

    package init(device: UInt64, inode: UInt64) {
      self.device = device
      self.inode = inode
    }

    /// nil where nothing is at `path`.
    package init?(of path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }
  }

  static let usualInterval = Duration.seconds(60)
  /// How often the watched directories themselves are examined, unless files settle faster.
  static let longestLook = Duration.seconds(5)
  static let leastInterval = Duration.seconds(1)
  /// The interval while a directory is missing, at whose path nothing can be watched.
  static let missingInterval = Duration.seconds(5)

  private let list: @Sendable () -> InputList
  private let look: @Sendable () -> [Place?]
  private let lookInterval: Duration
  private let watches: any Watches
  private let scheduler: any Scheduler
  private let handler: (InputList) -> Void
  package var onChange: ((Change) -> Void)?
  /// What can't be read now, in the order in which that was found.
  package private(set) var gone: [InputEntry] = []
  /// Whether the first list is complete.
  package private(set) var hasListed = false
  private let roots: Set<String>
  private var settling: SettlingFiles
  private var alarm: (any Alarm)?
  private var call: AnyObject?
  private var lookAlarm: (any Alarm)?
  private var lookCall: AnyObject?
  /// The directories at the watched paths when they were last listed.
  private var places: [Place?] = []
  /// Whether something has changed since the present list was begun.
  private var hasChanged = false
  /// No list is begun before this time.
  private var notBefore: Timestamp

  /// `roots` are the paths of the directories as they were given. `handler` is called from the loop with at least one
  /// entry: files, and once for each entry that is skipped or can't be read. `look` identifies what is at each of the
  /// paths now.
  package init(
    _ roots: [String], settle: Duration, watches: any Watches, on scheduler: any Scheduler,
    list: @escaping @Sendable () -> InputList, look: (@Sendable () -> [Place?])? = nil,
    handler: @escaping (InputList) -> Void
  ) throws(LoopError) {
    self.list = list
    self.look = look ?? { roots.map { Place(of: $0) } }
    lookInterval = max(Self.leastInterval, min(settle, Self.longestLook))
    self.watches = watches
    self.scheduler = scheduler
    self.handler = handler
    self.roots = Set(roots.map(Self.withoutSlashes))
    settling = SettlingFiles(settle: settle)
    notBefore = scheduler.time
    alarm = try scheduler.timer(accuracy: 100_000) { [unowned self] in scan() }
    lookAlarm = try scheduler.timer(accuracy: 100_000) { [unowned self] in lookAtRoots() }
    watches.onChange = { [weak self] in self?.changed() }
  }

  /// Makes the first list.
  package func start() { scan() }

  /// The files that were seen and haven't settled.
  package var waiting: InputList { settling.waiting }

  private func changed() {
    hasChanged = true
    if call == nil { arm(at: notBefore) }
  }

  private func scan() {
    guard call == nil else { return }
    hasChanged = false
    let began = scheduler.time
    let (list, look) = (self.list, self.look)
    do throws(LoopError) {
      // What is put there during the listing differs at the next examination.
      call = try scheduler.call({ (look(), list()) }) { [unowned self] places, found in
        self.places = places
        take(found, begun: began)
      }
    } catch {
      // There is no thread now, but there will be one later.
      arm(at: began + Self.leastInterval)
    }
  }

  private func lookAtRoots() {
    guard call == nil else { return }
    let look = self.look
    do throws(LoopError) {
      lookCall = try scheduler.call({ look() }) { [unowned self] places in
        lookCall = nil
        // A list in progress includes this examination.
        guard call == nil else { return }
        if places == self.places { armLook() } else { changed() }
      }
    } catch {
      armLook()
    }
  }

  private func armLook() { lookAlarm?.arm(at: (scheduler.time + lookInterval).microseconds) }

  private func take(_ found: InputList, begun began: Timestamp) {
    call = nil
    armLook()
    hasListed = true
    let now = scheduler.time
    notBefore = now + max(Self.leastInterval, (now - began) * 10)
    let missed = watches.follow(found.directories.map(\.resolvedPath))
    noteReturns(found)
    let isPartial = isMissing(found)
    // The time before the listing counts, since what was seen may be that old.
    let ready = settling.observe(found, at: began, isPartial: isPartial)
    var next = now + (isPartial ? Self.missingInterval : Self.usualInterval)
    if let deadline = settling.nextDeadline { next = min(next, deadline) }
    if hasChanged || missed { next = notBefore }
    arm(at: max(next, notBefore))
    var news = InputList()
    for index in ready.indices where ready.isFile(at: index) || !noteLoss(ready[index]) {
      news.append(index, of: ready)
    }
    if !news.isEmpty { handler(news) }
  }

  /// Whether one of the directories can't be read, so that its content isn't known.
  private func isMissing(_ found: InputList) -> Bool {
    let readable = Set(found.directories.filter { !$0.resolvedPath.isEmpty }.map(\.path))
    return !roots.isSubset(of: readable)
  }

  private func noteReturns(_ found: InputList) {
    guard !gone.isEmpty else { return }
    let readable = Set(found.directories.filter { !$0.resolvedPath.isEmpty }.map(\.path))
    let missing = Set(gone.map(\.path))
    var failing: Set<String> = []
    var seen = readable
    for entry in found where missing.contains(entry.path) {
      if case .failed(.system) = entry.content { failing.insert(entry.path) } else { seen.insert(entry.path) }
    }
    let isPartial = isMissing(found)
    func isBack(_ entry: InputEntry) -> Bool {
      if roots.contains(entry.path) { return readable.contains(entry.path) }
      return !failing.contains(entry.path) && (seen.contains(entry.path) || !isPartial)
    }
    let back = gone.filter(isBack)
    gone.removeAll(where: isBack)
    for entry in back { onChange?(roots.contains(entry.path) ? .back(path: entry.path) : .over(path: entry.path)) }
  }

  /// Keeps what can't be read until it can; false for another entry.
  private func noteLoss(_ entry: InputEntry) -> Bool {
    guard case .failed(let problem) = entry.content else { return false }
    var number: CInt?
    if case .system(let errno) = problem { number = errno }
    let root = Self.withoutSlashes(entry.path)
    let loss: InputEntry
    if roots.contains(root) {
      // Or a file is in its place.
      loss = InputEntry(path: root, content: .failed(.watched(number ?? ENOTDIR)))
    } else if let number {
      loss = InputEntry(path: entry.path, content: .failed(.inWatched(number)))
    } else {
      return false
    }
    gone.removeAll { $0.path == loss.path }
    gone.append(loss)
    onChange?(.gone(loss))
    return true
  }

  private static func withoutSlashes(_ path: String) -> String {
    var path = path[...]
    while path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") { path = path.dropLast() }
    return String(path)
  }

  /// Unless it is already set to an earlier time.
  private func arm(at time: Timestamp) {
    if let armed = alarm?.deadline, armed <= time.microseconds { return }
    alarm?.arm(at: time.microseconds)
  }
}

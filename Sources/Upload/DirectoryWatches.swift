package import Systemd

/// Watches directories by inotify.
package final class DirectoryWatches: WatchedInput.Watches {
  package var onChange: (() -> Void)?
  /// Called once, with the reason, when a directory can't be watched, say since the user has no watch left
  /// (/proc/sys/fs/inotify/max_user_watches): changes there are found more slowly.
  package var onFailure: ((LoopError) -> Void)?

  private let loop: EventLoop
  /// Of two directories whose paths only look alike, which Strings don't tell apart, one is watched.
  private var sources: [String: InotifySource] = [:]
  private var hasFailed = false

  package init(_ loop: EventLoop) { self.loop = loop }

  package func follow(_ directories: [String]) -> Bool {
    let wanted = Set(directories)
    for path in sources.keys where !wanted.contains(path) { sources[path] = nil }
    var isMore = false
    for path in wanted where sources[path] == nil {
      if let source = watch(path) {
        sources[path] = source
        isMore = true
      }
    }
    return isMore
  }

  private func watch(_ path: String) -> InotifySource? {
    do throws(LoopError) {
      return try InotifySource(loop, directory: path) { [unowned self] event in
        if event == .gone { sources[path] = nil }
        onChange?()
      }
    } catch {
      if !hasFailed { onFailure?(error) }
      hasFailed = true
      return nil
    }
  }
}

import Glibc
package import Systemd

/// Watches directories by inotify.
package final class DirectoryWatches: WatchedInput.Watches {
  package var onChange: (() -> Void)?
  /// Called once with a message when a directory can't be watched: changes there are found more slowly.
  package var onFailure: ((String) -> Void)?

  private let loop: EventLoop
  /// By path. Of two directories whose paths are different bytes and equal Strings, one is watched.
  private var sources: [String: (source: InotifySource, place: WatchedInput.Place?)] = [:]
  private var hasFailed = false

  package init(_ loop: EventLoop) { self.loop = loop }

  package func follow(_ directories: [String]) -> Bool {
    // One that isn't there has no path.
    let wanted = Set(directories.filter { !$0.isEmpty })
    for path in sources.keys where !wanted.contains(path) { sources[path] = nil }
    var isMore = false
    for path in wanted {
      // Something may have been mounted over it: a watch stays with the directory, whatever its path leads to by now.
      let place = WatchedInput.Place(of: path)
      if let known = sources[path], known.place == place { continue }
      sources[path] = nil
      if let source = watch(path) {
        sources[path] = (source, place)
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
      // One that is gone by now is missing from the next list.
      guard ![ENOENT, ENOTDIR].contains(error.errno), !hasFailed else { return nil }
      hasFailed = true
      onFailure?(Self.text(path, error.errno))
      return nil
    }
  }

  /// Of what runs out there is a limit for each user (inotify(7), /proc interfaces).
  private static func text(_ path: String, _ number: CInt) -> String {
    let why =
      switch number {
      case ENOSPC: "this user's inotify watches are used up (sysctl fs.inotify.max_user_watches)"
      case EMFILE:
        "this user's inotify instances (sysctl fs.inotify.max_user_instances) or this process's open files (ulimit -n) are used up"
      default: String(cString: strerror(number))
      }
    return "changes in '\(path)' can't be watched: \(why); what is new there is found within a minute"
  }
}

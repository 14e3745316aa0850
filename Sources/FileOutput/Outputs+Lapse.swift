package import Core
import Logs
import Settings
import Systemd

/// Files that are removed although nothing can be written in their place: they have lapsed, their session is condemned, or they are
/// for other readers.
extension Outputs {
  /// The role's credential has lapsed.
  package func withdraw(_ name: RoleName) {
    guard let outputs = kept[name] else { return }
    outputs.put(nil, at: scheduler.time)
    outputs.isBegun = true
    bringUpToDate(outputs)
  }

  /// STS refuses this session: if it is still in a file because nothing else can be written there, the file is removed. If a newer
  /// write is on its way, that write's outcome decides.
  package func condemn(_ session: Session, of name: RoleName) {
    guard let outputs = kept[name] else { return }
    outputs.condemn(session, at: scheduler.time)
    for (path, state) in outputs.states
    where state.failure != nil && outputs.holdsCondemned(at: path) && !outputs.files.isWriting(at: path) {
      outputs.files.withdraw(path, completion: removal(outputs))
    }
    removeCondemnedPrevious(of: outputs)
  }

  /// Current readers keep the previous snapshot, but not with a condemned session.
  func removeCondemnedPrevious(of outputs: ManagedOutputs) {
    guard !outputs.takeCondemnedPrevious().isEmpty else { return }
    bringUpToDate(outputs, previousEndedBy: .max)
  }

  /// The content at `path` may be another role's, unless these outputs have written there.
  func removeUnwanted(from outputs: ManagedOutputs, at path: String) {
    outputs.expectUnwanted(at: path)
    guard outputs.unwanted.contains(path) else { return }
    if outputs.contents == nil {
      bringUpToDate(outputs)
    } else if outputs.states[path]?.failure != nil {
      removeLapsed(outputs, at: path)
    }
  }

  /// A file that can't be replaced is removed when it lapses; until then, and while it can't even be removed, this is retried. If a
  /// newer write is on its way to the file, its outcome decides: a removal after it would remove the new content.
  func removeLapsed(_ outputs: ManagedOutputs, at path: String) {
    let now = scheduler.time
    var next = now + .microseconds(Self.retry)
    let lapses = outputs.states[path]?.written?.lapses
    if let lapses, lapses > now { next = min(next, lapses) }
    if !outputs.files.isWriting(at: path) {
      if outputs.mustGo(at: path) {
        outputs.files.withdraw(path, completion: removal(outputs))
      } else if let lapses {
        if lapses <= now { outputs.files.withdraw(path, completion: removal(outputs)) }
      } else {
        outputs.files.withdrawEnded(by: outputs.lapsing, at: path, completion: removal(outputs, settles: false))
      }
    }
    retry(at: next)
  }

  func removal(_ outputs: ManagedOutputs, settles: Bool = true) -> RoleOutputs.Completion {
    { [unowned self, weak outputs] result in
      // If it can't be removed, the reason was already reported: it is why it can't be written.
      guard let outputs, case .success(true) = result.outcome else { return }
      let event: LogEvent =
        if outputs.holdsCondemned(at: result.path) {
          .condemnedFileRemoved
        } else if outputs.unwanted.contains(result.path) {
          .outdatedFileRemoved
        } else {
          .lapsedFileRemoved
        }
      if settles { outputs.settle(result.path) }
      let isNews = outputs.change(result.path) { state in
        state.written = nil
        state.found = .absent
        state.seen = nil
      }
      log.write(event, [.role(outputs.role.name), .path(result.path)])
      if isNews {
        isRecordStale = true
        changed(outputs.role.name, result.path)
      }
    }
  }
}

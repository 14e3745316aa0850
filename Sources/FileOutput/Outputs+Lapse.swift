package import Core
import Logs
import Settings
import Systemd

/// What goes although nothing new can be written in its place: it has lapsed, STS refuses its session, or it is for other readers.
extension Outputs {
  /// The role's credential has lapsed.
  package func withdraw(_ name: RoleName) {
    guard let outputs = kept[name] else { return }
    outputs.put(nil, at: scheduler.time)
    outputs.isBegun = true
    bringUpToDate(outputs)
  }

  /// STS refuses this session: where it is still in a file because nothing else can be written there, the file goes. Where something
  /// newer is on its way there, the outcome of that decides.
  package func condemn(_ session: Session, of name: RoleName) {
    guard let outputs = kept[name] else { return }
    outputs.condemn(session, at: scheduler.time)
    for (path, state) in outputs.states
    where state.failure != nil && outputs.holdsCondemned(at: path) && !outputs.files.isWriting(at: path) {
      outputs.files.withdraw(path, completion: removal(outputs))
    }
    removeCondemnedPrevious(of: outputs)
  }

  /// The generation before the one in place stays for those who read it; not with a session that STS refuses.
  func removeCondemnedPrevious(of outputs: KeptOutputs) {
    guard !outputs.takeCondemnedPrevious().isEmpty else { return }
    bringUpToDate(outputs, previousEndedBy: .max)
  }

  /// What lies at `path` may be of another role, unless these outputs have written there.
  func removeUnwanted(from outputs: KeptOutputs, at path: String) {
    outputs.expectUnwanted(at: path)
    guard outputs.unwanted.contains(path) else { return }
    if outputs.contents == nil {
      bringUpToDate(outputs)
    } else if outputs.states[path]?.failure != nil {
      removeLapsed(outputs, at: path)
    }
  }

  /// What can't be replaced goes when it lapses; until then, and while it can't even be removed, it is tried again. Where something newer
  /// is on its way to the file, the outcome of that decides: a removal behind it would remove that.
  func removeLapsed(_ outputs: KeptOutputs, at path: String) {
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

  func removal(_ outputs: KeptOutputs, settles: Bool = true) -> RoleOutputs.Completion {
    { [unowned self, weak outputs] result in
      // Why it can't be removed is what was reported: why it can't be written.
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

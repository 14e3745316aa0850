import Core
import Logs
import Settings
import Systemd

/// Writes valid content and handles the outcome: a failure is reported once, and so is its end.
extension Outputs {
  /// Writes valid content, or removes invalid content; no effect if everything is as it should be. The previous snapshot is removed
  /// if it has ended by `previousEndedBy`, in seconds since 1970; nil means a minute from now.
  func bringUpToDate(_ outputs: ManagedOutputs, previousEndedBy end: Int? = nil) {
    outputs.lastTry = scheduler.time
    if let contents = outputs.contents {
      outputs.files.write(
        // The previous snapshot should be removed a round too early rather than too late.
        contents, until: outputs.end, generation: outputs.credential?.generation,
        at: end ?? scheduler.wallSeconds + Self.secondsPerRound,
        completion: noting(outputs, writing: outputs.credential))
    } else if outputs.isBegun {
      outputs.files.withdraw(completion: noting(outputs, writing: nil))
    } else {
      for path in outputs.paths {
        if outputs.unwanted.contains(path) {
          outputs.files.withdraw(path, completion: noting(outputs, writing: nil))
        } else {
          outputs.files.withdrawEnded(
            by: outputs.lapsing, at: path, completion: noting(outputs, writing: nil, settles: false))
        }
      }
    }
  }

  /// Reports a failure once, and its end. `settles` is whether a success replaces or removes the former content.
  func noting(
    _ outputs: ManagedOutputs, writing credential: (any OutputCredential)?, settles: Bool = true
  ) -> RoleOutputs.Completion {
    { [unowned self, weak outputs] result in
      guard let outputs else { return }
      report(result.drifts, of: outputs, at: result.path)
      report(result.fixes, of: outputs)
      if let end = result.presumedEnd, reportedPresumed.insert(end.path).inserted {
        log.write(end, isRemoved: result.outcome == .success(true), role: outputs.role.name)
      }
      switch result.outcome {
      case .success:
        if settles { outputs.settle(result.path) }
        if result.outcome == .success(true), let credential { record(credential, in: outputs, at: result.path) }
        succeeded(outputs, at: result.path, credential, found: result.content ?? .absent)
      case .failure(let error):
        failed(outputs, at: result.path, "\(error)", isWriting: credential != nil, seen: result.content)
        removeLapsed(outputs, at: result.path)
      }
    }
  }

  /// Logs that a session was written, once for each file and whenever others may read it: who does can't be seen.
  private func record(_ credential: any OutputCredential, in outputs: ManagedOutputs, at path: String) {
    let files = outputs.files(at: path)
    guard outputs.recordWritten(credential.session.id, files.map(\.file), at: path) else { return }
    for (path, file) in files {
      log.write(
        .fileWritten,
        [
          .role(outputs.role.name), .generation(credential.generation), .accessKeyID(credential.session.accessKeyID),
          .via(.file), .path(path), .owner(file.uid), .group(file.gid), .mode(file.mode),
        ])
    }
  }

  /// `found` is the present content if nothing was written.
  func succeeded(
    _ outputs: ManagedOutputs, at path: String, _ credential: (any OutputCredential)?, found: OutputContent
  ) {
    let wasFailing = outputs.states[path]?.failure != nil
    let isNews = outputs.change(path) { state in
      // A session for files is published, and has a generation.
      let written = credential.flatMap { credential in
        credential.generation.map {
          (
            session: credential.session.id, generation: $0, lapses: credential.lapses,
            expiration: credential.session.expiration
          )
        }
      }
      // A withdrawal also removes the previous snapshot.
      if written?.session != state.written?.session { state.previous = written == nil ? nil : state.written?.session }
      state.written = written
      state.found = found
      state.seen = nil
      state.failure = nil
      state.drifts = []
    }
    if wasFailing {
      log.write(.fileWrittenAgain, [.role(outputs.role.name), .path(path)])
    }
    if isNews {
      isRecordStale = true
      changed(outputs.role.name, path)
    }
    // A newer write couldn't even be handed to the disk while this one was under way.
    if credential !== outputs.credential, outputs.contents != nil, !outputs.files.isWriting(at: path) {
      bringUpToDate(outputs)
    }
    removeCondemnedPrevious(of: outputs)
  }

  func failed(
    _ outputs: ManagedOutputs, at path: String, _ error: String, isWriting: Bool, seen: OutputContent?
  ) {
    let found = seen ?? .unknown
    // If nothing was ever written there, as far as is known, there is nothing to remove either.
    if !isWriting, found == .unknown, outputs.states[path]?.failure == nil, !outputs.isWritten(path) {
      _ = outputs.change(path) { $0.found = found }
      return
    }
    let now = scheduler.time
    let before = outputs.states[path]?.content(at: scheduler.wallSeconds).kind
    let isNews = outputs.change(path) { state in
      state.failure = (error, state.failure?.since ?? now)
      state.found = found
      if let seen { state.seen = seen }
    }
    guard isNews else {
      // The error has already been reported, but what readers find has changed.
      if outputs.states[path]?.content(at: scheduler.wallSeconds).kind != before { changed(outputs.role.name, path) }
      return
    }
    let event: LogEvent =
      switch (isWriting, found) {
      case (true, .present): .fileNotWrittenKeepingOld
      case (true, .absent): .fileNotWrittenAndNoneThere
      case (true, .unknown): .fileNotWrittenUnseen
      case (false, _) where !outputs.isBegun: .earlierFileNotChecked
      case (false, _): .lapsedFileNotRemoved
      }
    log.write(event, [.role(outputs.role.name), .path(path), .reason(error)])
    changed(outputs.role.name, path)
  }
}

import Logs
import Settings

/// Changes made by others.
extension Outputs {
  /// Reports a change, once until it has been fixed. The file is replaced in the same step, or an error gives the reason.
  func report(_ drifts: [OutputDrift], of outputs: ManagedOutputs, at path: String) {
    let reported = outputs.states[path]?.drifts ?? []
    for drift in drifts where !reported.contains(drift) {
      outputs.driftCount += 1
      let isDirectory = drift.path == "\(directory)/\(outputs.role.name)"
      log.write(
        isDirectory ? .directoryChangedByOthers : .fileChangedByOthers,
        [.role(outputs.role.name), .path(drift.path), .found(drift.found)])
    }
    _ = outputs.change(path) { $0.drifts = drifts }
  }

  /// Reports an earlier process's files whose access differed from the present settings.
  func report(_ fixes: [AccessFix], of outputs: ManagedOutputs) {
    for fix in fixes {
      log.write(
        fix.isRemoved ? .earlierFileRemoved : .earlierFileReplaced,
        [.role(outputs.role.name), .path(fix.path), .found(fix.found)])
    }
  }
}

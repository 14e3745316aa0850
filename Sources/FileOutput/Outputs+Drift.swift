import Logs
import Settings

/// What somebody else changed.
extension Outputs {
  /// Reports what somebody changed, once until it has been put right. It is replaced in the same step, or an error says why not.
  func report(_ drifts: [OutputDrift], of outputs: KeptOutputs, at path: String) {
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

  /// Reports what an earlier process left with other access than the settings have now.
  func report(_ fixes: [AccessFix], of outputs: KeptOutputs) {
    for fix in fixes {
      log.write(
        fix.isRemoved ? .earlierFileRemoved : .earlierFileReplaced,
        [.role(outputs.role.name), .path(fix.path), .found(fix.found)])
    }
  }
}

import Core
package import Secrets

/// What became of an order for one directory or file.
package struct OutputResult: Sendable {
  /// The role's directory, or the path of the output elsewhere.
  package let path: String
  /// True when something was changed; false when all was as it should be. On failure what was there before is still whole, and the
  /// order may be given again at any time.
  package let outcome: Result<Bool, FileOutputError>
  /// What somebody else had changed there.
  package let drifts: [OutputDrift]
  /// After a failure, and after `withdrawEnded`: what readers find there. Nil when the outcome says it, or nobody looked.
  package let content: OutputContent?
  /// After `withdrawEnded`: the end that was presumed, since no record says it.
  package let presumedEnd: PresumedEnd?
  /// After `withdrawEnded`: what had other access than the outputs.
  package let fixes: [AccessFix]

  init(path: String, outcome: Result<Bool, FileOutputError>) {
    self.path = path
    self.outcome = outcome
    drifts = []
    content = nil
    presumedEnd = nil
    fixes = []
  }

  private init(_ result: OutputResult, _ drifts: [OutputDrift]) {
    path = result.path
    outcome = result.outcome
    content = result.content
    presumedEnd = result.presumedEnd
    fixes = result.fixes
    self.drifts = drifts
  }

  /// The same with what was found before, and isn't among its own.
  func adding(_ found: [OutputDrift]) -> OutputResult {
    OutputResult(self, found.filter { !drifts.contains($0) } + drifts)
  }

  init(path: String, _ report: WriteTarget.Report) {
    self.path = path
    outcome = report.result
    drifts = report.drifts
    content = report.content
    presumedEnd = report.presumedEnd
    fixes = report.fixes
  }
}

/// All outputs of one role.
///
/// Each order's completion is called once for the role's directory and once for each file elsewhere: at once for those in memory, from
/// `FileWriter.drain` for those on a disk. An order given while another is on its way to the disk waits, and a later one replaces it; the
/// replaced one's completion isn't called. When this object goes, what is being written, and removals that the
/// disk has been given, are carried out without a completion, and what waits is dropped but for `remove`; when the writer goes, so is all
/// that the disk has not begun.
package final class RoleOutputs {
  package typealias Completion = (OutputResult) -> Void

  /// Each with the places of its outputs in the list given.
  private let lanes: [(lane: WriteQueue, indices: [Int])]
  private let count: Int

  /// `directory` holds the roles' directories and is made when missing; `role` is a plain name.
  package init(
    _ writer: FileWriter, directory: String, role: String, outputs: [OutputFile], mounts: MountTable = .current()
  ) {
    var named: [(index: Int, name: OutputName, file: OutputFile)] = []
    var lanes: [(WriteQueue, [Int])] = []
    for (index, output) in outputs.enumerated() {
      switch output.place {
      case .inRoleDirectory(let name): named.append((index, name, output))
      case .elsewhere(let path):
        lanes.append((WriteQueue(writer, writer.disk.file(path, output), mounts), [index]))
      }
    }
    if !named.isEmpty {
      let unit = writer.disk.directory(of: role, in: directory, named.map { ($0.name, $0.file) })
      lanes.append((WriteQueue(writer, unit, mounts), named.map(\.index)))
    }
    self.lanes = lanes
    count = outputs.count
  }

  deinit { for (lane, _) in lanes { lane.abandon() } }

  /// Brings all outputs to `contents`, which are in the order of the outputs. Replaces what drifted, leaves alone what is as it should be.
  /// `end` is when the credential ends, and `rotation` the role's generation, which are kept with the files; `now` is what it is now. Times
  /// in seconds since 1970.
  package func write(
    _ contents: [Secret], until end: Int, rotation: UInt64? = nil, at now: Int, completion: @escaping Completion
  ) {
    precondition(contents.count == count, "as many contents as outputs")
    for (lane, indices) in lanes {
      lane.write(indices.map { contents[$0] }, until: end, rotation: rotation, at: now, completion: completion)
    }
  }

  /// Where an order given before `moment`, in microseconds of the writer's clock, is still on its way to the disk, and since when.
  package func pending(since moment: Int64) -> [(path: String, since: Int64)] {
    lanes.compactMap { lane, _ in
      lane.pendingSince.flatMap { $0 <= moment ? (lane.path, $0) : nil }
    }
  }

  /// Whether content for `path` is on its way to the disk or waits for that, and no removal behind it: then its outcome decides what is
  /// there.
  package func isWriting(at path: String) -> Bool { lanes.contains { $0.lane.path == path && $0.lane.isWriting } }

  /// The content has lapsed: every output reads as missing afterwards.
  package func withdraw(completion: @escaping Completion) {
    for (lane, _) in lanes { lane.give(.withdraw, completion: completion) }
  }

  /// The content of one of the role's directory and the files elsewhere has lapsed, and what is new can't be written there.
  package func withdraw(_ path: String, completion: @escaping Completion) {
    for (lane, _) in lanes where lane.path == path { lane.give(.withdraw, completion: completion) }
  }

  /// What an earlier process wrote and has ended by `time`, in seconds since 1970, has lapsed; at `path` alone when one is given. The
  /// outcome is whether there was such content. What has not ended gets the access that the outputs have.
  package func withdrawEnded(by time: Int, at path: String? = nil, completion: @escaping Completion) {
    for (lane, _) in lanes where path == nil || lane.path == path {
      lane.give(.withdrawEnded(by: time), completion: completion)
    }
  }

  /// No role has these outputs any more, which an earlier process wrote. What is still as that one left it is removed, where `time` is given
  /// only if it has ended by then, in seconds since 1970. The outcome is whether there was such a file; a failure `notOurs` or `notEnded`
  /// when it stays.
  package func removeFormer(endedBy time: Int?, completion: @escaping Completion) {
    for (lane, _) in lanes { lane.give(.removeFormer(endedBy: time), completion: completion) }
  }

  /// The role is no more: as `withdraw`, and its directory goes, too.
  package func remove(completion: @escaping Completion) {
    for (lane, _) in lanes { lane.give(.removeAll, completion: completion) }
  }
}

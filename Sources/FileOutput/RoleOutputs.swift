import Core
package import Secrets
package import Wire

/// The outcome of an order for one directory or file.
package struct OutputResult: Sendable {
  /// The role's directory, or the path of the output elsewhere.
  package let path: String
  /// True if something was changed; false if everything was as it should be. On failure the earlier content is still whole, and the
  /// order may be given again at any time.
  package let outcome: Result<Bool, FileOutputError>
  /// Changes that somebody else had made there.
  package let drifts: [OutputDrift]
  /// After a failure, and after `withdrawEnded`: what readers find there. Nil if the outcome implies it, or nobody checked.
  package let content: OutputContent?
  /// After `withdrawEnded`: the end that was presumed, because there is no record of it.
  package let presumedEnd: PresumedEnd?
  /// After `withdrawEnded`: files whose access differed from the outputs.
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

  /// The same result with the drift found earlier, unless it already has it.
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
/// Each order's completion is called once for the role's directory and once for each file elsewhere: at once for those in memory,
/// from `FileWriter.drain` for those on a disk. An order given while another is on its way to the disk waits, and a later one
/// replaces it; the replaced one's completion isn't called. When this object is released, the write under way and removals already
/// given to the disk are carried out without a completion, and waiting orders are dropped except `remove`. When the writer is
/// released, everything that the disk has not begun is dropped.
package final class RoleOutputs {
  package typealias Completion = (OutputResult) -> Void

  /// Each queue with the indices of its outputs in the given list.
  private let queues: [(queue: WriteQueue, indices: [Int])]
  /// Where readers find each output.
  private let paths: [String]

  /// `directory` is the parent of the roles' directories and is created if missing; `role` is a plain name.
  package init(
    _ writer: FileWriter, directory: String, role: String, outputs: [OutputFile], mounts: MountTable = .current()
  ) {
    var named: [(index: Int, name: OutputName, file: OutputFile)] = []
    var queues: [(WriteQueue, [Int])] = []
    for (index, output) in outputs.enumerated() {
      switch output.place {
      case .inRoleDirectory(let name): named.append((index, name, output))
      case .elsewhere(let path):
        queues.append((WriteQueue(writer, writer.disk.file(path, output), mounts), [index]))
      }
    }
    if !named.isEmpty {
      let target = writer.disk.directory(of: role, in: directory, named.map { ($0.name, $0.file) })
      queues.append((WriteQueue(writer, target, mounts), named.map(\.index)))
    }
    self.queues = queues
    paths = outputs.map { $0.paths(role: role, in: directory).file }
  }

  deinit { for (queue, _) in queues { queue.abandon() } }

  /// Brings all outputs to `contents`, which are in the order of the outputs: replaces files that have drifted, and leaves alone
  /// those that are as they should be. `end` is when the credential expires, and `generation` the role's generation; both are
  /// recorded with the files. `now` is the present time. Times are in seconds since 1970. If one content of a directory can't be
  /// had, all files in it stay as they are, since they switch together.
  package func write(
    _ contents: [Result<Secret, FormatError>], until end: Int, generation: UInt64? = nil, at now: Int,
    completion: @escaping Completion
  ) {
    precondition(contents.count == paths.count, "as many contents as outputs")
    for (queue, indices) in queues {
      do throws(FileOutputError) {
        let ready = try indices.map { (index) throws(FileOutputError) in try content(index, of: contents) }
        queue.write(ready, until: end, generation: generation, at: now, completion: completion)
      } catch {
        completion(OutputResult(path: queue.path, outcome: .failure(error)))
      }
    }
  }

  private func content(_ index: Int, of contents: [Result<Secret, FormatError>]) throws(FileOutputError) -> Secret {
    do throws(FormatError) { return try contents[index].get() } catch {
      throw .noContent(path: paths[index], error)
    }
  }

  /// Orders given before `moment`, in microseconds of the writer's clock, that are still on their way to the disk, and since when.
  package func pending(since moment: Int64) -> [(path: String, since: Int64)] {
    queues.compactMap { queue, _ in
      queue.pendingSince.flatMap { $0 <= moment ? (queue.path, $0) : nil }
    }
  }

  /// Whether content for `path` is on its way to the disk or waits for it, with no removal after it: then the outcome decides what
  /// is there.
  package func isWriting(at path: String) -> Bool { queues.contains { $0.queue.path == path && $0.queue.isWriting } }

  /// The content has lapsed: afterwards every output reads as missing.
  package func withdraw(completion: @escaping Completion) {
    for (queue, _) in queues { queue.give(.withdraw, completion: completion) }
  }

  /// The content at one path, of the role's directory or of a file elsewhere, has lapsed, and new content can't be written there.
  package func withdraw(_ path: String, completion: @escaping Completion) {
    for (queue, _) in queues where queue.path == path { queue.give(.withdraw, completion: completion) }
  }

  /// An earlier process's content that has ended by `time`, in seconds since 1970, has lapsed; only at `path` if one is given. The
  /// outcome is whether there was such content. Content that has not ended gets the access that the outputs have.
  package func withdrawEnded(by time: Int, at path: String? = nil, completion: @escaping Completion) {
    for (queue, _) in queues where path == nil || queue.path == path {
      queue.give(.withdrawEnded(by: time), completion: completion)
    }
  }

  /// No role has these outputs any more, which an earlier process wrote. Files that are still as that process left them are
  /// removed; with `time` only those that have ended by then, in seconds since 1970. The outcome is whether there was such a file;
  /// a failure `notOurs` or `notEnded` if it stays.
  package func removeFormer(endedBy time: Int?, completion: @escaping Completion) {
    for (queue, _) in queues { queue.give(.removeFormer(endedBy: time), completion: completion) }
  }

  /// The role was removed: like `withdraw`, but its directory is removed, too.
  package func remove(completion: @escaping Completion) {
    for (queue, _) in queues { queue.give(.removeAll, completion: completion) }
  }
}

import Core
import FileOutput
import Glibc
package import Logs
import Systemd

/// What is done when the unit's process has ended, however that was (ExecStopPost= in systemd.service(5)).
///
/// Only a real stop removes the credential files. After a restart, a crash, the watchdog's kill and an end with bad settings they stay, since
/// their credentials are good. Whatever else is in the runtime directory stays over a stop, too: the file with the generations, and sockets,
/// which may be systemd's.
package struct StopCleanup {
  /// For each of three answers, and below the unit's TimeoutStopSec= in all.
  private static let timeout = Duration.seconds(2)

  private let unit: String
  private let directory: String
  private let log: Log

  /// `unit` is the unit's whole name, `directory` its runtime directory.
  package init(unit: String, directory: String, log: Log) {
    self.unit = unit
    self.directory = directory
    self.log = log
  }

  /// Asks the service manager, and removes what a stop removes if it is one. False when that wasn't done in whole; the journal says why then.
  package func run() -> Bool {
    let job: UnitJob
    do throws(LoopError) { job = try UnitJob(of: unit, timeout: Self.timeout) } catch {
      // A process that failed wasn't stopped: then there is nothing to remove anyway (SERVICE_RESULT, systemd.exec(5)).
      guard getenv("SERVICE_RESULT").map({ String(cString: $0) }) == "success" else { return true }
      log.write(.stopUnknown, [.reason("\(error)"), .advice(wholeRemedy)])
      return false
    }
    return job == .stop ? remove() : true
  }

  /// Files elsewhere come last: their disk may not answer, and the manager waits no longer than TimeoutStopSec= says.
  func remove() -> Bool {
    let isDone = removeRoles()
    return removeFilesElsewhere() && isDone
  }

  private func removeRoles() -> Bool {
    do throws(FileOutputError) {
      try RuntimeDirectory.remove(ReservedNames.roles, from: directory)
      return true
    } catch {
      log.write(.filesNotRemovedAtStop, [.reason("\(error)"), .advice(remedy)])
      return false
    }
  }

  private func removeFilesElsewhere() -> Bool {
    let content: GenerationFile.Content
    do throws(GenerationFile.Failure) {
      content = try GenerationFile(inRuntimeDirectory: directory).read()
    } catch {
      log.write(.filesElsewhereNotRemovedAtStop, [.reason("\(error)")])
      return false
    }
    var isDone = true
    for parent in Set(content.directories.compactMap(\.parent)).sorted() {
      do throws(FileOutputError) {
        let failure = try RolesDirectory.removeFormerDirectories(in: parent, keeping: []).failure
        if let failure { throw failure }
      } catch {
        isDone = false
        log.write(.filesElsewhereNotRemovedAtStop, [.path(parent), .reason("\(error)")])
      }
    }
    for output in content.outputs {
      do throws(FileOutputError) { _ = try FormerFile.remove(at: output.path, uid: output.uid) } catch {
        guard output.isWritten else { continue }
        isDone = false
        log.write(
          .fileElsewhereNotRemovedAtStop, [.role(output.role), .path("\(output.path)"), .reason("\(error)")])
      }
    }
    return isDone
  }

  /// The same where files in other places may have been left, too.
  var wholeRemedy: String {
    // Without a record that can be read nothing is known of them, and the daemon reports that at its start.
    let outputs = (try? GenerationFile(inRuntimeDirectory: directory).read().outputs) ?? []
    let paths: [String] = outputs.map { "\($0.path)" }
    let left = paths.filter { access($0, F_OK) == 0 }
    let more = left.count > 8 ? " and \(left.count - 8) more files, which 'files' names in the settings" : ""
    return "\(remedy)\(left.prefix(8).map { " \(ShellWord.quoted($0))" }.joined())\(more)"
  }

  /// A start and a stop remove them as well. What they hold expires by itself.
  private var remedy: String {
    "if the service is to stay stopped, run: sudo rm -rf \(ShellWord.quoted("\(directory)/\(ReservedNames.roles)"))"
  }
}

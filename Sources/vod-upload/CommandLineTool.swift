import CommandInterface
import Upload
import Wire

/// Runs the program, and turns errors into messages and exit statuses.
enum CommandLineTool {
  static func run(_ words: [[UInt8]]) -> Int32 {
    do {
      let sorted = try CommandWords<Option>(words)
      if sorted.has(.version) {
        try Console.write("vod-upload \(Version.number)\n")
      } else if sorted.has(.help) {
        try Console.write(Usage.text)
      } else if sorted.has(.printPolicy) {
        try Console.write(LeastPolicy.document)
        Console.report(LeastPolicy.optional)
      } else {
        return try Run.run(try Arguments(sorted))
      }
      return ExitStatus.done
    } catch let wrong as Arguments.Wrong {
      Console.report("\(wrong)")
      return ExitStatus.wrongUsage
    } catch let error as JournalError {
      Console.report("\(error)\(error.fix.map { "; \($0)" } ?? "")")
      return ExitStatus.failed
    } catch {
      Console.report("\(error)")
      return ExitStatus.failed
    }
  }
}

import Glibc
import Testing

@testable import Upload

@Suite struct OpenFileLimitTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let number: CInt
    let words: String
    var testDescription: String { words }
  }

  /// "Name a place with --journal where this user may write" was no way out.
  @Test(arguments: [Case(number: EMFILE, words: "ulimit -n"), Case(number: ENFILE, words: "sysctl fs.file-max")])
  func `where too many files are open the limit is named, whatever was to be opened`(_ row: Case) {
    var fixes = [
      InputProblem.system(row.number).fix, InputProblem.watched(row.number).fix, TextFileError.system(row.number).fix,
    ]
    for step in [JournalError.Step.open, .lock, .read] {
      fixes.append(JournalError.system(step, path: "j", errno: row.number).fix ?? "none")
    }
    for fix in fixes { #expect(fix.contains(row.words), "\(fix)") }
  }

  @Test func `a path that is too long is said to be that, and what to do`() throws {
    let path = "/" + String(repeating: "x", count: 300) + ".mp4"
    let failure = #expect(throws: CallFailure.self) { try SourceFile(path: path, followsLink: true) }
    #expect(failure?.code == "cannot read it: File name too long")
    #expect(failure?.remedy == "its path is too long: move it to where it is shorter, and run again")
    #expect(
      InputProblem.system(ENAMETOOLONG).fix == "name it by a shorter path, or move it to where its path is shorter")
    #expect(InputProblem.watched(ENAMETOOLONG).fix.hasPrefix("move it to where its path is shorter"))
    #expect(TextFileError.system(ENAMETOOLONG).fix == "give it a shorter path, and run again")
    #expect(JournalError.system(.open, path: "j", errno: ENAMETOOLONG).fix == "name a shorter path with --journal")
  }
}

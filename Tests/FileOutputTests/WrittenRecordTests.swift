import Core
import TestSupport
import Testing

@testable import FileOutput
@testable import Settings

/// The record of the sessions that were written to files: who reads those can't be seen.
@Suite struct WrittenRecordTests {
  private let bench: OutputsBench

  init() throws { bench = try OutputsBench() }

  private static func record(_ path: String, _ generation: Int, mode: String = "0400") -> String {
    "notice: credential file written access_key_id=STS.web.\(generation) generation=\(generation) group=1 mode=\(mode) "
      + "owner=1 path=\(path) role=web via=file"
  }

  @Test func `each file of each session is recorded once, with who may read it`() {
    let role = bench.begin("web", ["/run/app/c", "a", "b"])
    func all(_ generation: Int) -> [String] {
      ["/run/app/c", "/run/roles/web/a", "/run/roles/web/b"].map { Self.record($0, generation) }
    }
    #expect(bench.records.sorted() == all(1).sorted())
    bench.advance(200)
    #expect(bench.records.count == 3)
    bench.rotate(role)
    #expect(bench.records.dropFirst(3).sorted() == all(2).sorted())
  }

  @Test func `a file that couldn't be written isn't recorded before it is`() {
    bench.disk.fail("/run/app/c")
    bench.begin("web", ["/run/app/c"])
    bench.advance(35)
    #expect(bench.records.isEmpty)
    bench.disk.fail("/run/app/c", nil)
    bench.advance(10)
    #expect(bench.records == [Self.record("/run/app/c", 1)])
  }

  @Test func `the same session for other readers is recorded again`() {
    let role = bench.begin("web", ["/run/app/c"])
    bench.outputs.keep(OutputsBench.role("web", ["/run/app/c"], mode: 0o440))
    bench.outputs.publish(role)
    #expect(bench.records == [Self.record("/run/app/c", 1), Self.record("/run/app/c", 1, mode: "0440")])
  }

  @Test func `what somebody changed and is replaced isn't handed out again`() {
    bench.begin("web", ["/run/app/c"])
    bench.leave("/run/app/c", for: 3600)
    bench.advance(200)
    #expect(bench.disk["/run/app/c"]?.generation == 1 && bench.records.count == 1)
  }
}

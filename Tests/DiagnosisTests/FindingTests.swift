import Core
import Testing

@testable import Diagnosis

@Suite struct FindingTests {
  private final class Output {
    var text = ""
  }

  private let good = Finding(.ok, "clock", "agrees with STS's")
  private let bad = Finding(.failed, "role uploader", "NoPermission (HTTP 403)", next: "allow the user\u{1B}[2J")

  @Test func `people get a line for each finding, one below it for what to do, and the counts`() {
    let output = Output()
    var report = FindingReport(.text) { output.text += $0 }
    report.say("looking")
    let doubt = Finding(.warning, "clock", "40s off", next: "set it")
    for finding in [good, bad, good, doubt, doubt] { report.add(finding) }
    report.finish()
    #expect(
      output.text == """
        looking
        ok       clock: agrees with STS's
        failed   role uploader: NoPermission (HTTP 403)
                 next: allow the user\\u{1B}[2J
        ok       clock: agrees with STS's
        warning  clock: 40s off
                 next: set it
        warning  clock: 40s off
                 next: set it
        1 failed, 2 warnings, 2 ok

        """)
    #expect(report.worst == .failed)
  }

  @Test func `programs get one line of JSON at the end`() {
    let output = Output()
    var report = FindingReport(.json) { output.text += $0 }
    report.say("looking")
    report.add(good)
    report.add(Finding(.warning, "clock", "40s off", next: "set it"))
    #expect(output.text.isEmpty)
    report.finish()
    #expect(
      output.text == """
        {"verdict":"warning","findings":[{"verdict":"ok","subject":"clock","text":"agrees with STS's","next":null},\
        {"verdict":"warning","subject":"clock","text":"40s off","next":"set it"}]}

        """)
  }

  @Test(arguments: [
    (Duration.seconds(1), Finding.Verdict.ok, "agrees"), (.seconds(-20), .ok, "20s ahead of STS"),
    (.seconds(31), .warning, "31s behind STS"), (.minutes(15), .warning, "15min behind STS"),
    (.seconds(-901), .failed, "15min1s ahead of STS"),
  ])
  func `a clock is judged by how far it is off`(lead: Duration, verdict: Finding.Verdict, text: String) {
    let finding = Finding.clock(lead: lead)
    #expect(finding.verdict == verdict && finding.text.contains(text), "\(finding)")
    #expect((finding.next == nil) == (verdict == .ok))
  }
}

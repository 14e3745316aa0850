import Systemd
import Testing

@testable import Diagnosis

@Suite struct ServiceFindingTests {
  private func unit(_ name: String, _ state: String) -> ManagerConnection.Unit {
    ManagerConnection.Unit(name: name, loadState: "loaded", activeState: state, subState: "sub", job: 0)
  }

  @Test(arguments: [
    ("active", nil, Finding.Verdict.ok, "is active"), ("failed", nil, .failed, "has failed"),
    ("inactive", nil, .failed, "isn't active"), ("inactive", "active", .ok, "the first request"),
    ("failed", "active", .failed, "has failed"), ("activating", nil, .warning, "activating (sub)"),
  ])
  func `the service's state is judged together with its socket's`(
    service: String, socket: String?, verdict: Finding.Verdict, text: String
  ) {
    let finding = Finding.judge(
      unit("rolekeeper.service", service), socket: socket.map { unit("rolekeeper.socket", $0) })
    #expect(finding.verdict == verdict && finding.text.contains(text), "\(finding)")
  }
}

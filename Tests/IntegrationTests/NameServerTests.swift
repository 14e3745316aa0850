import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// A host with a name server that keeps silent in front of one that answers, as after a network change.
@Suite(.serialized) struct NameServerTests {
  /// Other programs on the host went on after five seconds; no request to STS was made in a minute.
  @Test(.needs(.root), arguments: [false, true])
  func `a silent first name server costs the resolver's own time, once`(_ hasFallback: Bool) throws {
    try PrivateMounts.run {
      let directory = try TemporaryDirectory()
      let (first, second) = (NameServer.address(hasFallback ? 83 : 81), NameServer.address(hasFallback ? 84 : 82))
      // The resolver's own five seconds, which are more than connecting may take.
      let resolver = try directory.write("nameserver \(first)\nnameserver \(second)\n", to: "resolv.conf")
      try PrivateMounts.show(resolver, at: "/etc/resolv.conf")
      let silent = try NameServer(at: first)
      silent.isAlive = false
      let answering = try NameServer(at: second)
      let lab = try Lab(RealmDraft(lifetime: nil)) { $0.sts += "\nconnect_timeout = \"3s\"" }
      // Names in the emulator's certificate.
      lab.draft.endpoint = "sts.cn-hangzhou.aliyuncs.com:\(lab.emulator.port)"
      if hasFallback { lab.draft.sts += "\nfallback_endpoints = [\"sts.aliyuncs.com:\(lab.emulator.port)\"]" }
      try lab.writeSettings()

      let daemon = try lab.start()
      for role in ["uploader", "reports"] {
        #expect(try daemon.get("/v1/roles/\(role)/credentials").status == 200, "\(daemon.log)")
        #expect(try lab.attempts(of: role, code: "NameResolution") == 0)
      }
      #expect(silent.ignored >= 1)
      #expect(try lab.report().endpoints[0].failures == 0)
      #expect(!daemon.logLines("warning: settings", "sts.connect_timeout is 3s", "takes up to 7s").isEmpty)

      // What was found serves the next requests, and no connection waits for it.
      let before = silent.ignored
      try lab.refresh(["uploader", "reports"])
      try eventually("a second session of each:\n\(daemon.log)", within: 4) {
        try lab.report().roles.allSatisfy { $0.generation >= 2 }
      }
      #expect(silent.ignored == before)

      let check = try lab.rolekeeper("check", "--config", lab.configPath)
      #expect(check.status == 0 && "\(check)".contains("write connect_timeout = \\\"7s\\\""), "\(check)")
      withExtendedLifetime(answering) {}
    }
  }
}

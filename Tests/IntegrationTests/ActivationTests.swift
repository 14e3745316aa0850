import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// The daemon on a socket that whoever starts it has made.
@Suite(.serialized) struct ActivationTests {
  private let lab: Lab

  init() throws {
    lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { draft in
      draft.roles = [SettingsDraft.Role("uploader")]
      draft.socket = ""
    }
  }

  private func launch(named name: String = "rolekeeper.socket", _ options: String...) throws {
    let root = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    try lab.launch(
      wrapper: ["/usr/bin/python3", "/\(root)/Tools/pass-socket.py", lab.draft.socketPath, name], options: options)
  }

  private func access() -> String? {
    var status = stat()
    return lstat(lab.draft.socketPath, &status) == 0
      ? "\(status.st_ino) \(String(status.st_mode & 0o7777, radix: 8))" : nil
  }

  @Test func `it serves on the socket that was passed to it, and leaves its file alone`() throws {
    try launch()
    try lab.daemon.awaitReady()
    let before = access()
    #expect(before?.hasSuffix(" 640") == true)
    #expect(try lab.credential("uploader").keyID.hasPrefix("STS."))
    #expect(try lab.daemon.post("/v1/reload").status == 200)
    #expect(lab.daemon.logLines("socket").allSatisfy { $0.contains("via=socket") }, "\(lab.daemon.log)")
    lab.daemon.child.signal(SIGTERM)
    #expect(lab.daemon.child.wait() == 0)
    #expect(access() == before)
  }

  @Test func `what the settings say of another socket isn't used, and one warning says so`() throws {
    let held = lab.draft.socketPath
    var draft = lab.draft
    draft.socketPath = lab.directory.path("other.sock")
    draft.socket = "mode = \"0600\""
    try lab.directory.write(draft.text, to: "rolekeeper.toml")
    try launch()
    try lab.daemon.awaitReady()
    let warnings = lab.daemon.logLines("settings warning")
    #expect(warnings.count == 1, "\(lab.daemon.log)")
    #expect(
      warnings.first?.contains("socket.path isn't used, nor is 'mode': rolekeeper.socket makes the socket '\(held)'")
        == true)
    #expect(try lab.credential("uploader").keyID.hasPrefix("STS."))
    #expect(access()?.hasSuffix(" 640") == true)
    #expect(Glibc.access(draft.socketPath, F_OK) != 0)
  }

  @Test func `a descriptor of another name isn't its socket`() throws {
    try launch(named: "other.socket")
    // The path is taken by whoever passed that.
    try lab.daemon.awaitLog("a descriptor that systemd passed isn't used", "'other.socket'")
  }

  @Test func `without usable settings it stays up, and answers where they are wrong until a reload finds good ones`()
    throws
  {
    try lab.directory.write(
      lab.draft.text.replacing("duration = \"15min\"", with: "duration = \"5min\""), to: "rolekeeper.toml")
    try launch()
    let ready = try lab.daemon.notify.wait(for: "READY=1")
    #expect(ready.contains("STATUS=not serving: \(lab.configPath):"), "\(ready)")
    #expect(ready.contains("; then run: sudo systemctl reload rolekeeper"), "\(ready)")
    for target in ["/v1/roles/uploader/credentials", "/healthz", "/v1/status", "/none"] {
      let reply = try lab.daemon.get(target)
      let problem = try reply.problem
      #expect(reply.status == 503 && problem.kind == .settingsUnusable)
      #expect(problem.detail.contains("\(lab.configPath):") && problem.detail.contains("sudo rolekeeper check"))
      #expect(problem.errors.count == 1 && problem.errors.first?.contains("duration is 5min") == true, "\(problem)")
    }
    let status = try lab.rolekeeper("status")
    #expect(status.status == 4 && status.errors.contains("duration is 5min"), "\(status)")
    let refused = try lab.rolekeeper("reload")
    #expect(refused.status != 0 && refused.errors.contains("duration is 5min"), "\(refused)")
    #expect(lab.daemon.logLines("settings not reloaded; none are in force", "duration is 5min").count == 1)
    #expect(!lab.daemon.log.contains("the old ones stay in force"), "\(lab.daemon.log)")
    try lab.daemon.notify.wait(for: "RELOADING=1")
    try lab.daemon.notify.wait(for: "READY=1")

    try lab.writeSettings()
    let reload = try lab.rolekeeper("reload")
    #expect(reload.status == 0, "\(reload)")
    try lab.daemon.awaitLog("ready; number of roles with a valid session")
    #expect(try lab.credential("uploader").keyID.hasPrefix("STS."))
    #expect(lab.daemon.child.statusIfEnded == nil)
  }

  @Test(.needs(.root)) func `others than administrators learn where the settings are wrong, and no more`() throws {
    try lab.directory.write(lab.draft.text.replacing("\"15min\"", with: "\"5min\""), to: "rolekeeper.toml")
    try launch()
    try lab.daemon.notify.wait(for: "READY=1")
    chmod(lab.directory.path, 0o755)
    chmod(lab.draft.socketPath, 0o666)
    let run = try lab.rolekeeper("get", "uploader", wrapper: ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups"])
    #expect(run.status == 4 && run.errors.contains("\(lab.configPath):") && !run.errors.contains("5min"), "\(run)")
    let reload = try lab.rolekeeper("reload", wrapper: ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups"])
    #expect(reload.status != 0 && !reload.errors.contains("5min"))
    #expect(lab.daemon.logLines("settings not reloaded").isEmpty)
  }

  @Test func `with settings that come later it starts by itself where nobody has to do anything`() throws {
    let moved = lab.directory.path("authorities.pem")
    rename(lab.draft.authorityPath, moved)
    try launch()
    let ready = try lab.daemon.notify.wait(for: "READY=1")
    #expect(ready.contains("STATUS=not serving: "), "\(ready)")
    // The daemon stays up, so systemd doesn't try again, and nobody needs to reload.
    #expect(ready.contains("the daemon tries again by itself; trying again every 5 s"), "\(ready)")
    #expect(!ready.contains("systemctl reload") && !lab.daemon.log.contains("every second"), "\(lab.daemon.log)")
    #expect(
      lab.daemon.logLines("can't start; every request is answered with the reason until a start succeeds").count == 1)
    #expect(try lab.daemon.get("/healthz").problem.kind == .settingsUnusable)
    rename(moved, lab.draft.authorityPath)
    try lab.daemon.awaitLog("ready; number of roles with a valid session")
    #expect(try lab.credential("uploader").keyID.hasPrefix("STS."))
  }

  /// Whether to try again was decided at the start alone.
  @Test func `after a reload that found only what can pass it starts by itself, too`() throws {
    let moved = lab.directory.path("authorities.pem")
    rename(lab.draft.authorityPath, moved)
    try lab.directory.write(lab.draft.text.replacing("\"15min\"", with: "\"5min\""), to: "rolekeeper.toml")
    try launch()
    try lab.daemon.notify.wait(for: "READY=1")
    try lab.writeSettings()
    let refused = try lab.rolekeeper("reload")
    #expect(refused.status != 0 && refused.errors.contains(lab.draft.authorityPath), "\(refused)")
    let status = try lab.daemon.notify.wait(for: "READY=1")
    #expect(status.contains("; trying again every 5 s"), "\(status)")
    rename(moved, lab.draft.authorityPath)
    try lab.daemon.awaitLog("ready; number of roles with a valid session")
    #expect(try lab.credential("uploader").keyID.hasPrefix("STS."))
  }

  @Test func `it ends in order while it has no settings`() throws {
    try lab.directory.write("x", to: "rolekeeper.toml")
    try launch()
    try lab.daemon.notify.wait(for: "READY=1")
    lab.daemon.child.signal(SIGTERM)
    #expect(lab.daemon.child.wait() == 0)
    try lab.daemon.notify.wait(for: "STOPPING=1")
    #expect(access() != nil)
  }

  @Test func `strict, it ends with 78 all the same`() throws {
    try lab.directory.write("x", to: "rolekeeper.toml")
    try launch(named: "rolekeeper.socket", "--strict")
    #expect(lab.daemon.child.wait() == 78)
  }

  @Test func `settings without a role are served`() throws {
    var draft = lab.draft
    draft.roles = []
    try lab.directory.write(draft.text, to: "rolekeeper.toml")
    try launch()
    let ready = try lab.daemon.notify.wait(for: "READY=1")
    #expect(ready.contains("no roles in the settings"), "\(ready)")
    let health = try lab.daemon.get("/healthz")
    #expect(health.status == 200 && health.body.contains("there are no roles"), "\(health)")
    let check = try lab.rolekeeper("status", "--check")
    #expect(check.status == 0 && check.output.hasPrefix("ok: no role is in force"), "\(check)")
  }
}

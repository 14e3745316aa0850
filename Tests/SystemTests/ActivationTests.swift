import SystemBox
import Testing
import TestSupport

extension UnderSystemd {
  /// With the socket held by systemd.
  @Suite struct ActivationTests {
    private static let unit = "rolekeeper.socket"

    /// Systemd holds the socket, and the service doesn't run yet.
    private static func activated(_ release: Release, _ test: (Service) throws -> Void) throws {
      let service = try Service(under: release)
      try service.box.ask("systemctl start \(unit)")
      defer {
        _ = try? service.box.ask("systemctl stop \(unit) \(Service.unit); systemctl reset-failed 2>/dev/null || true")
      }
      try test(service)
    }

    private static func access(_ service: Service) throws -> String {
      try service.box.ask("stat --format '%U %G %a' \(Service.socket)")
    }

    /// Readers that ask one after another, each request on a connection of its own; what wasn't answered with 200 until `work` was done.
    private static func failures(
      of readers: Int, at service: Service, while work: () throws -> Void
    ) throws -> (asked: Int, failed: String) {
      try service.box.ask(
        """
        rm -rf /run/readers && mkdir /run/readers
        for number in $(seq \(readers)); do
          (until [ -e /run/readers/stop ]; do
            answer=$(curl -sS -o /dev/null -w '%{http_code}' --unix-socket \(Service.socket) 'http://localhost/v1/roles/uploader/credentials?wait=20' 2>&1)
            echo "$answer" >>/run/readers/$number
          done) </dev/null >/dev/null 2>&1 &
        done
        """)
      try work()
      let found = try service.box.ask(
        """
        touch /run/readers/stop
        for try in $(seq 300); do pgrep -x curl >/dev/null || break; sleep 0.1; done
        sleep 0.2
        cat /run/readers/[0-9]* | grep -c . ; cat /run/readers/[0-9]* | grep -v '^200$' | sort | uniq -c || true
        """
      ).split(separator: "\n", maxSplits: 1)
      return (found.first.flatMap { Int($0) } ?? 0, found.count > 1 ? String(found[1]) : "")
    }

    @Test(arguments: Release.all)
    func `a client starts the service, and the socket is systemd's before, while and after it runs`(_ release: Release)
      throws
    {
      try Self.activated(release) { service in
        let access = "rolekeeper rolekeeper-clients 660"
        #expect(try Self.access(service) == access && service.property("ActiveState") == "inactive")
        let first = try service.request("/v1/roles/uploader/credentials?wait=20", as: "reader")
        #expect(first.output.hasSuffix("200"), "\(first)")
        #expect(try service.property("ActiveState") == "active" && Self.access(service) == access)
        #expect(try service.systemctl("restart").status == 0)
        #expect(try Self.access(service) == access)
        #expect(try service.systemctl("stop").status == 0)
        #expect(try Self.access(service) == access && service.property("ActiveState") == "inactive")
        let again = try service.request("/v1/roles/uploader/credentials?wait=20", as: "reader")
        #expect(again.output.hasSuffix("200"), "\(again)")
        #expect(try service.property("NRestarts") == "0")
      }
    }

    @Test(arguments: Release.all)
    func `with STS down twenty readers see no error over ten restarts, and the same credential`(_ release: Release)
      throws
    {
      try Self.activated(release) { service in
        let before = try Self.credential(service)
        try service.fault("kind=unreachable")
        let found = try Self.failures(of: 20, at: service) {
          for _ in 0..<10 { try service.box.ask("systemctl restart \(Service.unit)") }
        }
        #expect(found.failed == "" && found.asked >= 200, "\(found)")
        #expect(try Self.credential(service) == before)
      }
    }

    /// Who was being answered at that moment is cut off, which the kernel does; nobody is refused, and nobody gets anything else.
    @Test(arguments: Release.all)
    func `with STS down and twenty readers a kill refuses nobody, and the next process has the same credential`(
      _ release: Release
    ) throws {
      try Self.activated(release) { service in
        let before = try Self.credential(service)
        try service.fault("kind=unreachable")
        let kills = 2
        let found = try Self.failures(of: 20, at: service) {
          for round in 1...kills {
            try service.box.ask("kill -KILL \(service.mainPID())")
            #expect(
              try eventually {
                try service.property("NRestarts") == "\(round)" && service.property("ActiveState") == "active"
              })
          }
        }
        #expect(found.asked >= 100, "\(found)")
        let others = found.failed.split(separator: "\n").filter {
          !$0.contains("Recv failure: Connection reset by peer") && !$0.contains("Empty reply from server")
            && !$0.hasSuffix(" 000")
        }
        #expect(others.isEmpty, "\(others)")
        #expect(try Self.credential(service) == before)
      }
    }

    /// The service is started by that, if it doesn't run.
    private static func credential(_ service: Service) throws -> Credential {
      let answer = try service.request("/v1/roles/uploader/credentials?wait=20", as: "reader")
      #expect(answer.output.hasSuffix("200"), "\(answer)")
      return Credential(document: answer.output)
    }

    @Test(arguments: Release.all)
    func `with bad settings it stays up and says where they are wrong, and a reload takes the good ones`(
      _ release: Release
    ) throws {
      try Self.activated(release) { service in
        try service.write(
          SettingsText.usual.replacing("[roles.uploader]", with: "[roles.uploader]\nduration = \"5min\""))
        for _ in 0..<30 {
          let answer = try service.request("/v1/roles/uploader/credentials", as: "reader")
          #expect(answer.output.hasSuffix("503") && answer.output.contains("\(Service.settings):"), "\(answer)")
        }
        #expect(try service.property("StatusText").hasPrefix("not serving: \(Service.settings):"))
        #expect(try service.property("ActiveState") == "active" && service.property("NRestarts") == "0")
        #expect(try service.box.ask("systemctl is-active \(Self.unit)") == "active")
        let refused = try service.systemctl("reload")
        #expect(refused.status != 0)
        try service.write(SettingsText.usual)
        let reload = try service.systemctl("reload")
        #expect(reload.status == 0, "\(reload)")
        let answer = try service.request("/v1/roles/uploader/credentials?wait=20", as: "reader")
        #expect(answer.output.hasSuffix("200"), "\(answer)")
      }
    }
  }
}

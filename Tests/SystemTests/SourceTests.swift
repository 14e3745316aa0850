import SystemBox
import TestSupport
import Testing

extension UnderSystemd {
  /// Sources whose credential comes from the host, in the unit's sandbox: addresses of the host and of its link, and files in /run.
  @Suite struct SourceTests {
    private static let account = "1234567890123456"
    private static let control = "http://127.0.0.1:8434"

    private static func trust(_ principal: String) -> String {
      #"trust_policy = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":\#(principal)}]}'"#
    }

    private static let cloud = """
      [accounts.\(account).policies.assume]
      document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole"],"Resource":"*"}]}'
      [accounts.\(account).users.keeper]
      access_keys = [{ id = "LTAIkeeper", secret = "marked-secret-of-the-AccessKey", active = true }]
      policies = ["AliyunSTSAssumeRoleAccess"]
      [accounts.\(account).oidc_providers.idp]
      issuer = "https://idp.example"
      client_ids = ["sts.aliyuncs.com"]
      [accounts.\(account).roles.host]
      \(trust(#"{"Service":["ecs.aliyuncs.com"]}"#))
      policies = ["assume"]
      [accounts.\(account).roles.uploader]
      trust = ["acs:ram::\(account):root"]
      [accounts.\(account).roles.backup]
      \(trust(#"{"Federated":["acs:ram::\#(account):oidc-provider/idp"]}"#))
      [accounts.\(account).roles.archive]
      trust = ["acs:ram::\(account):root"]
      [ecs]
      role = "acs:ram::\(account):role/host"
      imds_v1 = false
      [kms.secrets.keeper]
      account = "\(account)"
      user = "keeper"
      """

    /// `metadata` is where the metadata service is.
    private static func settings(metadata: String) -> String {
      """
      [source.instance]
      type = "ecs-ram-role"
      metadata_address = "\(metadata)"
      [source.token]
      type = "oidc"
      provider_arn = "acs:ram::\(account):oidc-provider/idp"
      token_file = "/run/idp/token"
      [source.kms]
      type = "kms"
      secret = "keeper"
      token_file = "/run/host-cloud/kmstoken"
      agent_address = "127.0.0.1:2025"
      [sts]
      endpoint = "\(InstalledHost.stsName):8443"
      ca_file = "/run/host-cloud/ca.pem"
      requests_per_second = 50
      [socket]
      group = "rolekeeper-clients"

      """
        + [("uploader", "instance"), ("backup", "token"), ("archive", "kms")].map { role, source in
          """
          [roles.\(role)]
          role_arn = "acs:ram::\(account):role/\(role)"
          source = "\(source)"
          allow = { users = ["reader"] }

          """
        }.joined()
    }

    /// Plays the cloud that such a host sees; returns where its metadata service is.
    private func playCloud(in box: Box) throws -> String {
      let files = try TemporaryDirectory()
      try box.copy(files.write(Self.cloud, to: "cloud"), to: "/etc/host-cloud.toml")
      let journal = try Journal.fromNow(in: box)
      // The cloud's own address, where there is a program that gives the loopback interface one more.
      let metadata = try box.ask(
        """
        place=127.0.0.9:8080
        if command -v ip >/dev/null && ip address add 100.100.100.200/32 dev lo; then place=100.100.100.200:80; fi
        systemd-run --quiet --unit=host-cloud --service-type=exec -p RuntimeDirectory=host-cloud \
          /usr/local/bin/sts-emulator --config /etc/host-cloud.toml --listen 127.0.0.1:8443 --name \(InstalledHost.stsName) \
          --control \(Self.control.dropFirst("http://".count)) --ca-out /run/host-cloud/ca.pem --ecs $place \
          --kms 127.0.0.1:2025 --kms-token-out /run/host-cloud/kmstoken >&2
        echo $place
        """)
      try journal.wait(for: "control on", from: "host-cloud")
      try box.ask(
        """
        chmod 0644 /run/host-cloud/kmstoken
        install -d /run/idp
        curl -sSf -X POST \(Self.control)/oidc-token >/run/idp/token
        """)
      return metadata == "100.100.100.200:80" ? "100.100.100.200" : metadata
    }

    @Test(arguments: Release.all)
    func `the unit's sandbox lets the metadata service, a token file and KMS Agent be used`(_ release: Release) throws {
      let service = try Service(under: release)
      let box = service.box
      defer {
        _ = try? box.ask(
          """
          systemctl stop \(Service.unit) host-cloud
          rm -rf /run/idp
          if command -v ip >/dev/null; then ip address del 100.100.100.200/32 dev lo; fi
          """)
      }
      let metadata = try playCloud(in: box)
      try service.write(Self.settings(metadata: metadata))
      let check = try box.run(["rolekeeper", "check", "--online"])
      #expect(check.status == 0, "\(check.output)\(check.errors)")
      try service.start()
      let status = try service.request("/v1/status").output
      for (role, type) in [("uploader", "ecs-ram-role"), ("backup", "oidc"), ("archive", "kms")] {
        #expect(try service.credential(role, as: "reader").keyID.hasPrefix("STS."), "\(role): \(status)")
        #expect(status.contains(#""type":"\#(type)","state":"working""#), "\(type): \(status)")
      }
    }
  }
}

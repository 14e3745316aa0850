import Core
import Glibc
import TestSupport
import Testing
import Wire

@testable import rolekeeper

/// What the command of `exec` finds in its environment.
@Suite(.serialized) struct ChildEnvironmentTests {
  private func entries(_ environment: ChildEnvironment) -> [String] {
    environment.entries.compactMap { $0.map { String(cString: $0) } }
  }

  @Test func `the lines of the format env become variables`() {
    let lines = secret(
      "ALIBABA_CLOUD_ACCESS_KEY_ID='STS.1'\nALIBABA_CLOUD_SECURITY_TOKEN='a=b=='\nexport A=B C\nexport D E\n")
    let environment = ChildEnvironment(lines: lines, variables: [("ROLEKEEPER_ROLE", "a")], without: [])
    let added = entries(environment).suffix(3)
    #expect(added == ["ROLEKEEPER_ROLE=a", "ALIBABA_CLOUD_ACCESS_KEY_ID=STS.1", "ALIBABA_CLOUD_SECURITY_TOKEN=a=b=="])
    #expect(environment.entries.last! == nil)
  }

  @Test func `leftovers are dropped by their whole names, and the rest stays`() {
    setenv("ALIYUN_ACCESS_KEY_ID", "old", 1)
    setenv("ALIYUN_ACCESS_KEY_ID_NOTE", "kept", 1)
    defer {
      unsetenv("ALIYUN_ACCESS_KEY_ID")
      unsetenv("ALIYUN_ACCESS_KEY_ID_NOTE")
    }
    let all = entries(ChildEnvironment(variables: [], without: ChildEnvironment.leftovers(for: .env)))
    #expect(!all.contains { $0.hasPrefix("ALIYUN_ACCESS_KEY_ID=") })
    #expect(all.contains("ALIYUN_ACCESS_KEY_ID_NOTE=kept"))
  }

  /// A command that got the role's own session took it for the scope's.
  @Test func `an outer command's scope isn't that of an inner one without`() {
    setenv("ROLEKEEPER_SCOPE", "outer", 1)
    defer { unsetenv("ROLEKEEPER_SCOPE") }
    func scopes(_ environment: ChildEnvironment) -> [String] {
      entries(environment).filter { $0.hasPrefix("ROLEKEEPER_SCOPE=") }
    }
    for format in CredentialFormat.allCases {
      #expect(scopes(ChildEnvironment(variables: [], without: ChildEnvironment.leftovers(for: format))) == [])
    }
    #expect(scopes(ChildEnvironment(variables: [], without: ChildEnvironment.leftoversBesideURI)) == [])
    var event = RoleEvent(time: nil, kind: .rotated, role: "a", state: .valid, generation: 7)
    #expect(scopes(WatchCommand.environment(event)) == [])
    event.scope = "inner"
    #expect(scopes(WatchCommand.environment(event)) == ["ROLEKEEPER_SCOPE=inner"])
  }

  /// AWS tools took the keys of the environment, and never looked at the file.
  @Test(arguments: CredentialFormat.allCases)
  func `variables of AWS tools are dropped with their formats`(format: CredentialFormat) {
    let names = [
      "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE",
      "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
    ]
    let dropped = ChildEnvironment.leftovers(for: format)
    for name in names { #expect(dropped.contains(name) == format.rawValue.hasPrefix("aws")) }
    #expect(dropped.contains("ALIYUN_ACCESS_KEY_ID") && !dropped.contains("AWS_REGION"))
  }

  /// A profile of ~/.aws/config or MinIO's client came before the URI: with a scope, the command had the whole role.
  @Test func `with the URI, files and variables of other sources are out of the command's sight`() {
    let stale = [
      "AWS_PROFILE", "AWS_CREDENTIAL_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "MINIO_ROOT_USER",
      "MINIO_ACCESS_KEY", "ALIBABA_CLOUD_PROFILE", "ALIBABA_CLOUD_OIDC_TOKEN_FILE", "ROLEKEEPER_SCOPE",
    ]
    let replaced = [
      ("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"), ("BOTO_CONFIG", "/dev/null"),
      ("MINIO_SHARED_CREDENTIALS_FILE", "/dev/null"), ("AWS_EC2_METADATA_DISABLED", "true"),
      ("ALIBABA_CLOUD_CREDENTIALS_FILE", "/dev/null"), ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true"),
      ("ALIBABA_CLOUD_IGNORE_PROFILE", "TRUE"), ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"),
    ]
    let names = stale + replaced.map(\.0)
    for name in names { setenv(name, "old", 1) }
    defer { for name in names { unsetenv(name) } }
    let uri = LoopbackURI(address: LoopbackAddress("127.0.0.1:7180")!, role: RoleName("a")!)
    let all = entries(ExecURI.environment(uri, "a", nil, dropsProxy: false))
    for name in stale { #expect(!all.contains { $0.hasPrefix("\(name)=") }, "\(name)") }
    for (name, value) in replaced {
      #expect(all.filter { $0.hasPrefix("\(name)=") } == ["\(name)=\(value)"], "\(name)")
    }
  }
}

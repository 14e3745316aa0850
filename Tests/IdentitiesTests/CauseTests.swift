import Testing

@testable import Identities

/// Messages name a cause that a person can fix.
@Suite struct CauseTests {
  /// Files in /run/credentials can't be changed.
  @Test func `the error for a bad credential names the file that systemd copied`() {
    let bad = AccessKeyUnusable(location: .credential("/run/credentials/rolekeeper.service/access-key"), why: "empty")
    #expect("\(bad)".contains("LoadCredential=") && "\(bad)".contains("/etc/rolekeeper/access-key"))
    #expect("\(AccessKeyUnusable(location: .file("/k"), why: "empty"))" == "AccessKey file '/k': empty")
  }
}

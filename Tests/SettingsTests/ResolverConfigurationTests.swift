import Core
import Testing

@testable import Settings

/// How long this host's resolver needs for a look-up, and what that means for the times of `[sts]`.
@Suite struct ResolverConfigurationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    var variable: String?
    var host = "sts.cn-hangzhou.aliyuncs.com"
    /// Including the two seconds in which a server may answer.
    let seconds: Int64
    var testDescription: String { name }
  }

  @Test(arguments: [
    Case(name: "nothing said", text: "", seconds: 7),
    Case(
      name: "one server, asked again after 5 s", text: "nameserver 127.0.0.53\noptions edns0 trust-ad\n", seconds: 7),
    Case(name: "one server, asked once", text: "nameserver 10.0.0.1\noptions attempts:1", seconds: 2),
    Case(name: "two servers", text: "nameserver 10.0.0.1\nnameserver 10.0.0.2\n", seconds: 7),
    Case(name: "two servers, asked once", text: "nameserver ::1\nnameserver ::2\noptions attempts:1", seconds: 7),
    Case(
      name: "the cloud's own", text: "options timeout:2 attempts:3 rotate\nnameserver 1.1.1.1\nnameserver 2.2.2.2\n",
      seconds: 4),
    // glibc asks the second for 2·5/3 s.
    Case(name: "three servers", text: "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3", seconds: 10),
    Case(
      name: "four servers, of which three count",
      text: "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4", seconds: 10),
    Case(name: "a timeout of none", text: "options timeout:0\nnameserver 1.1.1.1\nnameserver 2.2.2.2", seconds: 3),
    Case(name: "a long one", text: "options timeout:99\nnameserver 1.1.1.1\nnameserver 2.2.2.2", seconds: 32),
    Case(name: "no number", text: "options timeout:x attempts\nnameserver 1.1.1.1\nnameserver 2.2.2.2", seconds: 7),
    Case(
      name: "comments", text: "# nameserver 9.9.9.9\n; options timeout:1\nnameserver\n\nnameserver 1.1.1.1\toptions\n",
      seconds: 7),
    Case(
      name: "the variable comes last", text: "options timeout:9\nnameserver 1.1.1.1\nnameserver 2.2.2.2",
      variable: "timeout:1 ndots:2", seconds: 3),
    Case(
      name: "a search list that comes first",
      text: "nameserver 1.1.1.1\nnameserver 2.2.2.2\nsearch a.example b.example c.example\noptions ndots:5", seconds: 22
    ),
    Case(
      name: "a search list for short names only", text: "nameserver 1.1.1.1\nnameserver 2.2.2.2\nsearch a b c",
      seconds: 7),
    Case(
      name: "a short name", text: "nameserver 1.1.1.1\nnameserver 2.2.2.2\nsearch a b c\ndomain d", host: "proxy",
      seconds: 12),
    Case(
      name: "no more than a minute",
      text: "options timeout:30\nnameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3",
      host: "sts.aliyuncs.com", seconds: 52),
    Case(
      name: "no more than a minute, with a search list",
      text: "options timeout:30 ndots:9\nnameserver 1.1.1.1\nnameserver 2.2.2.2\nsearch a b c", seconds: 60),
  ])
  func `silent name servers prolong a look-up`(_ row: Case) {
    let configuration = ResolverConfiguration(row.text, variable: row.variable)
    #expect(configuration.lookupTime(of: row.host) == .seconds(row.seconds))
  }

  static let twoServers = "nameserver 10.0.0.1\nnameserver 10.0.0.2\n"

  private func host(_ resolver: String) -> FakeHost {
    var host = FakeHost()
    host.files["/etc/resolv.conf"] = FakeHost.File(text: resolver)
    return host
  }

  @Test func `a connect_timeout shorter than the resolver needs is a warning with a sufficient value`() throws {
    Finding(
      "the default", "",
      #": warning: sts.connect_timeout is 3s, and this host's resolver takes up to 7s when its first name server is silent (timeout:5 in /etc/resolv.conf); a look-up is given that time all the same, and requests then begin as late; write connect_timeout = "7s", or 'options timeout:1' in /etc/resolv.conf"#
    ).check(on: host(Self.twoServers))
    Finding("the figure", "[sts]\nconnect_timeout = \"7s\"").check(on: host(Self.twoServers))
    Finding("the resolver's", "").check(on: host(Self.twoServers + "options timeout:1\n"))
    Finding("one server", "").check(on: host("nameserver 127.0.0.53\n"))
    Finding("an address", "[sts]\nendpoint = \"127.0.0.1:8443\"").check(on: host(Self.twoServers))
    let settings = host(Self.twoServers).load(soundSettings + "[sts]\nconnect_timeout = \"3s\"").settings
    #expect(settings?.sts.lookupTimeout == .seconds(7) && settings?.sts.wholeTimeout == .seconds(10))
  }

  @Test func `a proxy's name is looked up, addresses aren't`() throws {
    let direct = "[sts]\nendpoint = \"127.0.0.1:8443\"\n"
    let plain = host(Self.twoServers).load(soundSettings + direct).settings
    #expect(plain?.sts.lookupTimeout == .seconds(3))
    let proxied = host(Self.twoServers).load(soundSettings + direct + "proxy = \"http://proxy.example:1\"").settings
    #expect(proxied?.sts.lookupTimeout == .seconds(7))
  }

  /// A similar error within the settings: the outer time limit ends before the inner one.
  @Test func `a connect_timeout above the request's timeout is a warning`() {
    Finding(
      "longer", "[sts]\nconnect_timeout = \"20s\"",
      #":10: warning: sts.connect_timeout is 20s, longer than timeout, 10s, which ends the whole request before; write timeout = "20s" or more, or a shorter connect_timeout"#
    ).check()
    Finding("as long", "[sts]\nconnect_timeout = \"10s\"").check()
  }
}

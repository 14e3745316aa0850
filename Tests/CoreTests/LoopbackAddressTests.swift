import Core
import Testing

@Suite struct LoopbackAddressTests {
  @Test(arguments: ["127.0.0.1:1", "127.0.0.1:65535", "127.255.0.9:7180", "[::1]:7180"])
  func `a literal with a port is an address, and is written as it was`(text: String) {
    #expect(LoopbackAddress(text)?.description == text)
  }

  @Test(arguments: [
    "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1: 1", "127.1:80",
    "127.0.0.01:80", "127.0.0.256:80", "127.0.0.1.:80", "127..0.1:80", "126.0.0.1:80", "0.0.0.0:80", "10.0.0.1:80",
    "localhost:80", "::1:80", "[::1]", "[::1]:", "[::2]:80", "[::]:80", "[0:0:0:0:0:0:0:1]:80", "[::ffff:127.0.0.1]:80",
    "http://127.0.0.1:80", "127.0.0.1:80/", "127.0.0.1:8\u{301}0", "١27.0.0.1:80",
  ])
  func `nothing else is`(text: String) { #expect(LoopbackAddress(text) == nil) }

  @Test(arguments: ["127.0.0.1", "127.0.0.1:7180", "127.3.2.1:7180", "[::1]", "[::1]:7180"])
  func `a Host is admitted if it is a loopback literal, with our port or none`(host: String) {
    #expect(LoopbackAddress.admits(host: host, port: 7180))
  }

  /// A page whose own name resolves to a loopback address by now has that name as its Host.
  @Test(arguments: [
    "", "localhost", "localhost:7180", "evil.example", "evil.example:7180", "127.0.0.1.evil.example:7180",
    "127.0.0.1:7181", "127.0.0.1:", "127.0.0.1:7180:7180", "[::1]:80", "[::1", "::1", "0.0.0.0:7180",
    "169.254.169.254", "user@127.0.0.1:7180", "127.0.0.1 :7180", "2130706433:7180", "0x7f000001:7180",
  ])
  func `any other Host is refused`(host: String) { #expect(!LoopbackAddress.admits(host: host, port: 7180)) }
}

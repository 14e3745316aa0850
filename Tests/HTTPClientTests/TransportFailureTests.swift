import Testing

@testable import struct HTTPClient.TransportFailure

@Suite struct TransportFailureTests {
  /// `SSL_ERROR_SYSCALL in connection to 127.0.0.1:40365 ; check the network`
  @Test func `a text of libcurl's has no blanks at its end`() {
    #expect(TransportFailure(unresolved: "h", "it is gone  ", isProxy: false).text == "no address for 'h': it is gone")
    #expect(TransportFailure(unresolved: "h", "  ", isProxy: false).text == "no address for 'h':")
  }
}

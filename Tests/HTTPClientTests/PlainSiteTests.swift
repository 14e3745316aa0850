import Glibc
import HTTPClient
import TestSupport
import Testing

/// Clients for the one server without TLS.
@Suite struct PlainSiteTests {
  private func bench(_ site: String?, socket: String? = nil) throws -> Bench {
    var settings = HTTPClient.Settings.testing(
      caFile: "/nonexistent", connectTimeout: .milliseconds(700), timeout: .seconds(1))
    settings.plainSite = site
    settings.socketPath = socket
    return try Bench(settings)
  }

  /// Why a request isn't even sent.
  private func refusal(of url: String, by bench: Bench) -> TransportFailure? {
    do {
      _ = try bench.post(url)
      return nil
    } catch { return error as? TransportFailure }
  }

  @Test func `a client for one site without TLS asks no other one`() throws {
    let bench = try bench("http://127.0.0.1:1")
    for url in ["http://127.0.0.1:2/x", "http://127.0.0.1:11/x", "https://127.0.0.1:1/x", "http://127.0.0.1:1@h/x"] {
      #expect(refusal(of: url, by: bench)?.kind == .unsuitableRequest, "\(url)")
    }
    let failure = try bench.post("http://127.0.0.1:1/x").failure
    #expect(failure?.kind == .connect && failure?.systemError == ECONNREFUSED)
  }

  @Test func `no proxy of the environment is used for it`() throws {
    let directory = try TemporaryDirectory()
    let proxy = try BreakableRelay(in: directory, named: "proxy")
    for name in ["http_proxy", "https_proxy", "all_proxy"] { setenv(name, "http://\(proxy.endpoint)", 1) }
    defer { for name in ["http_proxy", "https_proxy", "all_proxy"] { unsetenv(name) } }
    #expect(try bench("http://127.0.0.1:1").post("http://127.0.0.1:1/x").failure?.kind == .connect)
    #expect(try proxy.connections() == 0)
  }

  @Test func `a client without such a site takes https alone`() throws {
    let bench = try bench(nil)
    #expect(refusal(of: "http://127.0.0.1:1/x", by: bench)?.kind == .unsuitableRequest)
  }

  @Test func `a socket that isn't there is a failure to connect`() throws {
    let bench = try bench("http://localhost", socket: "/nonexistent/socket")
    #expect(try bench.post("http://localhost/x").failure?.kind == .connect)
  }
}

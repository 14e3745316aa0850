import Laboratory
import TestSupport
import Testing

/// How vod-upload reaches VOD and OSS: through a proxy, or past it.
@Suite(.serialized) struct UploadProxyTests {
  private static let password = "Marked:Proxy@Password"

  /// `PROXY` in words and variables stands for the proxy's URL.
  struct Way: Sendable, CustomTestStringConvertible {
    var words: [String] = []
    var environment: [String: String] = [:]
    let isTunnel: Bool

    var testDescription: String {
      (words + environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }).joined(separator: " ")
    }
  }

  /// Port 1 refuses.
  @Test(arguments: [
    Way(words: ["--proxy", "PROXY"], isTunnel: true),
    Way(words: ["--proxy", "PROXY"], environment: ["https_proxy": "http://127.0.0.1:1"], isTunnel: true),
    Way(words: ["--proxy", "PROXY"], environment: ["no_proxy": "*"], isTunnel: true),
    Way(environment: ["https_proxy": "PROXY"], isTunnel: true),
    Way(environment: ["https_proxy": "PROXY", "HTTPS_PROXY": "http://127.0.0.1:1"], isTunnel: true),
    Way(environment: ["https_proxy": "", "HTTPS_PROXY": "PROXY"], isTunnel: true),
    Way(environment: ["https_proxy": "PROXY", "no_proxy": "example.com,10.0.0.0/8"], isTunnel: true),
    Way(environment: ["https_proxy": "PROXY", "no_proxy": "example.com,127.0.0.0/8"], isTunnel: false),
    Way(environment: ["https_proxy": "PROXY", "NO_PROXY": "127.0.0.1"], isTunnel: false),
    Way(words: ["--proxy", "none"], environment: ["https_proxy": "PROXY"], isTunnel: false),
    Way(environment: ["http_proxy": "PROXY", "ALL_PROXY": "PROXY"], isTunnel: false),
  ])
  func `a proxy, by option or environment, is on the way to both services or to none`(_ way: Way) throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 5000)
    let proxy = try BreakableRelay(in: lab.directory, named: "proxy")
    func filled(_ text: String) -> String { text.replacing("PROXY", with: "http://\(proxy.endpoint)") }
    let notes = lab.directory.path("connections")
    let environment = FaultShim.noting(connectionsIn: notes).merging(way.environment.mapValues(filled)) { $1 }
    let run = try lab.upload(way.words.map(filled), environment: environment)
    #expect(run.status == 0 && run.rows.count == 1 && run.rows.allSatisfy { lab.isIntact($0) }, "\(run)")

    let services: Set = [lab.emulator.endpoint, "127.0.0.1:\(lab.emulator.ossPort)"]
    let connections = Set(try #require(FileText.read(notes)).split(separator: "\n").map(String.init))
    #expect(connections.subtracting([lab.lab.draft.socketPath]) == (way.isTunnel ? [proxy.endpoint] : services))
    let heads = try proxy.heads()
    let tunnels = Set(heads.split(separator: "\n").filter { $0.hasPrefix("CONNECT ") }.map(String.init))
    #expect(tunnels == Set(way.isTunnel ? services.map { "CONNECT \($0) HTTP/1.1" } : []))
    for word in ["uthorization", "x-acs", "x-oss", "STS.", "CreateUploadVideo"] {
      #expect(!heads.contains(word), "\(word) in \(heads)")
    }
  }

  @Test func `a proxy's password comes from the environment, and is in nothing that is shown or left`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 5000)
    let proxy = try BreakableRelay(in: lab.directory, named: "proxy")
    try proxy.become(.password(user: "me", password: Self.password))
    func environment(_ password: String) -> [String: String] {
      ["https_proxy": "http://me:\(password)@\(proxy.endpoint)"]
    }
    let refused = try lab.upload(["--tries", "1"], environment: environment("Marked-wrong"))
    #expect(refused.status == 1 && refused.rows.map(\.status) == ["failed"], "\(refused)")
    #expect(refused.rows.allSatisfy { $0.error.contains("CONNECT with 407") && $0.fix.contains("https_proxy") })
    let run = try lab.upload(environment: environment("Marked%3AProxy%40Password"))
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    var shown = refused.output + refused.errors + run.output + run.errors
    for name in ["journal", "report-upload-1.json", "report-upload-2.json"] {
      shown += try #require(FileText.read(lab.directory.path(name)))
    }
    #expect(!shown.contains("Marked"), "\(shown)")
  }
}

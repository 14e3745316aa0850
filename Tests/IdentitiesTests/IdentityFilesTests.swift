import CloudAPI
import Core
import Glibc
import HTTPClient
import Settings
import Systemd
import TestSupport
import Testing
import Wire

@testable import Identities

/// The files of a client certificate and its key, replaced while they are in use.
@Suite struct IdentityFilesTests {
  private let made: MadeIdentities
  private let directory: TemporaryDirectory
  private let scheduler = VirtualScheduler()
  private let recorder = LogRecorder()
  private let certificate: String
  private let key: String

  init() throws {
    made = try MadeIdentities.shared.get()
    directory = try TemporaryDirectory()
    (certificate, key) = (directory.path("host.pem"), directory.path("host.key"))
  }

  /// As an agent does that renews certificates: by mv.
  private func put(_ name: String, at path: String, mode: UInt32) throws {
    try directory.write(made.text(name), to: "new", mode: mode)
    try #require(rename(directory.path("new"), path) == 0)
  }

  private func putCertificate(_ name: String) throws { try put("\(name).crt", at: certificate, mode: 0o644) }

  private func putKey(_ name: String, mode: UInt32 = 0o400) throws { try put("\(name).key", at: key, mode: mode) }

  private func files() throws -> IdentityFiles {
    try IdentityFiles(certificate: certificate, key: key, source: "tier", scheduler: scheduler, log: recorder.log)
  }

  private func filesOfOne() throws -> IdentityFiles {
    try putCertificate("one")
    try putKey("one")
    let files = try files()
    try #require(files.identity != nil && files.problem == nil && recorder.all == [])
    return files
  }

  // MARK: - Content

  @Test(arguments: ["one.crt", "chain.pem", "both.pem"])
  func `a certificate is read, with those above it and beside a key`(name: String) throws {
    _ = try IdentityFiles.readCertificates(made.directory.path(name))
  }

  @Test(arguments: ["one.key", "both.pem", "rsa.key", "parameters.key"])
  func `a key is read in each form in PEM that OpenSSL writes`(name: String) throws {
    _ = try IdentityFiles.readKey(made.directory.path(name))
  }

  @Test(arguments: [
    ("empty", "it is empty; put this host's certificate there, in PEM form"),
    ("junk", "it holds no certificate in PEM form; put this host's certificate there"),
    ("one.key", "it holds a private key and no certificate; put this host's certificate there"),
    ("der.crt", "it is in DER form; convert it: openssl x509 -inform DER"),
    ("torn.crt", "it holds a certificate that can't be read; copy the certificate again"),
    (".", "not a regular file; put a regular file there"),
    ("absent", "No such file or directory; put the file there"),
  ])
  func `what is no certificate is named, with what to do`(name: String, words: String) {
    let path = made.directory.path(name)
    #expect {
      _ = try IdentityFiles.readCertificates(path)
    } throws: {
      "\($0)".hasPrefix("certificate '\(path)': \(words)")
    }
  }

  /// OpenSSL stopped the program at a prompt for the passphrase.
  @Test(arguments: [
    ("empty", "it is empty; put the key"), ("junk", "it holds no private key in PEM form; put the key"),
    ("one.crt", "it holds a certificate and no private key; put the key"),
    ("der.key", "it is in DER form; convert it: openssl pkey -inform DER"),
    ("torn.key", "it holds a key that can't be read; copy the key again"),
    ("locked.key", "it has a passphrase, which nobody can enter; remove the passphrase: openssl pkey -in FILE"),
    ("locked-rsa.key", "it has a passphrase, which nobody can enter; remove the passphrase: openssl pkey -in FILE"),
    (".", "not a regular file; put a regular file there"), ("absent", "No such file or directory; put the file there"),
  ])
  func `what is no key is named, with what to do`(name: String, words: String) {
    let path = made.directory.path(name)
    #expect {
      _ = try IdentityFiles.readKey(path, checksOwner: false)
    } throws: {
      "\($0)".hasPrefix("key '\(path)': \(words)")
    }
  }

  /// The whole daemon hung at it.
  @Test func `a FIFO is refused without waiting for whoever writes to it`() throws {
    let pipe = directory.path("pipe")
    try #require(mkfifo(pipe, 0o400) == 0)
    #expect { _ = try IdentityFiles.readCertificates(pipe) } throws: { "\($0)".contains("not a regular file") }
    #expect { _ = try IdentityFiles.readKey(pipe) } throws: { "\($0)".contains("not a regular file") }
    let files = try filesOfOne()
    let before = files.identity
    for path in [certificate, key] {
      try #require(mkfifo(directory.path("next"), 0o400) == 0 && rename(directory.path("next"), path) == 0)
      files.look()
      #expect(files.identity === before && files.problem?.sentence.contains("not a regular file") == true)
    }
  }

  // MARK: - Renewal

  @Test func `a renewed pair is taken up at the next look, and reported`() throws {
    let files = try filesOfOne()
    let before = files.identity
    files.look()
    #expect(files.identity === before && recorder.all == [])
    try putCertificate("two")
    try putKey("two")
    files.look()
    #expect(files.identity != nil && files.identity !== before)
    #expect(recorder.all == ["notice: client certificate and key read again path=\(certificate) source=tier"])
  }

  /// It was used, and the next reload or restart was refused for it.
  @Test func `a renewed key that others may read isn't taken up, but reported, until its mode is right`() throws {
    let files = try filesOfOne()
    let before = files.identity
    var changes = 0
    files.changed = { changes += 1 }
    try putCertificate("two")
    try putKey("two", mode: 0o644)
    files.look()
    files.look()
    let sentence = "key '\(key)': others than its owner may read it; its mode has to be 0400"
    #expect(files.identity === before && files.problem?.sentence == sentence && changes == 1)
    #expect(
      recorder.all == [
        "warning: client certificate or its key can't be used, keeping the previous ones reason=\(sentence) source=tier"
      ])
    chmod(key, 0o400)
    files.look()
    #expect(files.identity !== before && files.problem == nil && changes == 2)
    #expect(recorder.all.last == "notice: client certificate and key read again path=\(certificate) source=tier")
  }

  @Test(arguments: [0o664, 0o646] as [UInt32])
  func `a renewed certificate that others may write to isn't taken up`(mode: UInt32) throws {
    let files = try filesOfOne()
    let before = files.identity
    try put("one.crt", at: certificate, mode: mode)
    files.look()
    #expect(files.identity === before && files.problem?.sentence.contains("may write to it") == true)
  }

  /// The two files can't be replaced at once.
  @Test func `a renewed certificate without its key changes nothing for now, and is reported after a minute`() throws {
    let files = try filesOfOne()
    let before = files.identity
    try putCertificate("two")
    files.look()
    scheduler.advance(by: .seconds(30))
    files.look()
    #expect(files.identity === before && files.problem == nil && recorder.all == [])
    scheduler.advance(by: .seconds(90))
    #expect(files.identity === before)
    #expect(files.problem?.sentence.contains("it doesn't belong to the key '\(key)'") == true)
    try putKey("two")
    files.look()
    #expect(files.identity !== before && files.problem == nil && recorder.all.count == 2)
  }

  @Test func `files that are missing at the start are taken up when they come, and requests fail until then`() throws {
    let files = try files()
    #expect(files.identity == nil && files.failure.code == "ClientCertificate" && files.failure.kind == .transient)
    #expect(
      files.failure.advice.hasPrefix("certificate '\(certificate)': No such file or directory; put the file there"))
    #expect(recorder.all == [] && files.trouble == nil, "the requests report it")
    try putCertificate("one")
    try putKey("one")
    scheduler.advance(by: .seconds(60))
    #expect(files.identity != nil && files.problem == nil)
  }

  @Test func `the status and the service's line say that the pair before is kept`() throws {
    let files = try filesOfOne()
    let clock = ServerClock(wallMicroseconds: scheduler.wallMicroseconds, at: scheduler.time)
    var status = SourceStatus(name: "tier", type: "upstream", state: .working)
    files.report(to: &status, clock: clock)
    #expect(status.state == .working && status.error == nil && files.trouble == nil)
    try putKey("locked")
    files.look()
    files.report(to: &status, clock: clock)
    #expect(status.state == .unreadable && status.error?.code == "ClientCertificate")
    #expect(
      status.remarks == [
        "source 'tier': \(files.problem?.sentence ?? ""); the certificate and key read before stay in use"
      ])
    #expect(files.trouble == status.remarks.first)
    var refused = SourceStatus(name: "tier", type: "upstream", state: .refused)
    files.report(to: &refused, clock: clock)
    #expect(refused.state == .refused)
  }

  // MARK: - Requests

  @Test func `without a certificate nothing is sent, to a tier or another service`() throws {
    let loop = try EventLoop()
    let files = try files()
    func client() throws -> HTTPClient {
      try HTTPClient(
        loop,
        settings: HTTPClient.Settings(connectTimeout: .seconds(1), timeout: .seconds(1), lookupTimeout: .seconds(1)))
    }
    let upstream = UpstreamSettings(urls: ["https://127.0.0.1:1"], caFile: nil, certificate: certificate, key: key)
    let tier = try HTTPSTierConnection(
      upstream, identityFiles: files, now: { loop.time }, serverTime: { UTCTime(seconds: 0) }, makeClient: client)
    var codes: [String] = []
    let asked = tier.ask(.bundle(etag: nil, wait: nil), at: upstream.urls[0]) { reply in
      if case .failed(let failure) = reply.answer { codes.append(failure.code) }
    }
    let fetcher = URIFetcher(http: try client(), url: "https://127.0.0.1:1/c", service: "it", identityFiles: files)
    let fetched = fetcher.fetch { outcome in
      if case .failed(let failure) = outcome { codes.append(failure.code) }
    }
    #expect(codes == [], "in a later turn")
    while codes.count < 2 { try #require(try loop.runOnce(timeout: .seconds(20))) }
    #expect(Set(codes) == ["TierFiles", "ClientCertificate"])
    withExtendedLifetime((asked, fetched)) {}
  }
}

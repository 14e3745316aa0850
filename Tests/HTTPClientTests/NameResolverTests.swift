import Glibc
import Synchronization
import Systemd
import TestSupport
import Testing

@testable import HTTPClient

/// A test's own name server: each look-up waits until it is given a result.
private final class HeldNames: Sendable {
  private struct State {
    var asked: [String] = []
    var answers: [NameAnswer] = []
  }

  private let state = Mutex(State())
  private let released = Bell()
  private let begun = Bell()

  /// Wakes the waiting thread.
  private final class Bell: Sendable {
    let descriptors: [CInt]
    init() {
      var pair: [CInt] = [-1, -1]
      pipe(&pair)
      descriptors = pair
    }
    deinit { for descriptor in descriptors { close(descriptor) } }
    func ring() {
      var byte: UInt8 = 0
      _ = write(descriptors[1], &byte, 1)
    }
    func wait() {
      var byte: UInt8 = 0
      _ = read(descriptors[0], &byte, 1)
    }
  }

  var asked: [String] { state.withLock { $0.asked } }

  func lookUp(_ name: String) -> NameAnswer {
    state.withLock { $0.asked.append(name) }
    begun.ring()
    released.wait()
    return state.withLock { $0.answers.removeFirst() }
  }

  /// Waits until another look-up has begun.
  func awaitLookUp() { begun.wait() }

  func answer(_ answer: NameAnswer) {
    state.withLock { $0.answers.append(answer) }
    released.ring()
  }
}

@Suite struct NameResolverTests {
  private final class ManualTime {
    var now: Int64 = 1_000_000
    func advance(seconds: Int64) { now += seconds * 1_000_000 }
  }

  private final class Stand {
    let loop: EventLoop
    let names = HeldNames()
    let time = ManualTime()
    let resolver: NameResolver
    var answers: [NameAnswer] = []
    private var serial: UInt64 = 0

    /// `hung` gets the first look-up, if given, and `names` those that follow.
    init(hung: HeldNames? = nil) throws {
      loop = try EventLoop()
      let names = names
      let time = time
      resolver = try NameResolver(
        loop, timeout: .seconds(20),
        lookUp: { name in
          if let hung, hung.asked.isEmpty { return hung.lookUp(name) }
          return names.lookUp(name)
        }, threads: LookupThreads(most: 2), time: { time.now })
      let begin = resolver.beginCall
      resolver.beginCall = { [unowned self] (loop, call, completion) throws(LoopError) in
        try begin(loop, call) { [unowned self] answer in
          completion(answer)
          ended += 1
        }
      }
    }

    /// How many look-ups have ended and been processed.
    private(set) var ended = 0

    func turn(untilEnded count: Int) throws {
      while ended < count { guard try loop.runOnce(timeout: .seconds(20)) else { throw Stuck() } }
    }

    /// Begins a look-up that `hung` doesn't answer, and lets enough time pass that another one may begin.
    func hang(_ hung: HeldNames) throws {
      wait()
      hung.awaitLookUp()
      time.advance(seconds: 120)
      try turn(untilAnswers: 1)
    }

    @discardableResult
    func wait(_ name: String = "sts.example") -> UInt64 {
      serial += 1
      resolver.wait(for: name, serial: serial) { [unowned self] in answers.append($0) }
      return serial
    }

    /// Turns until `count` waits have been answered.
    func turn(untilAnswers count: Int) throws {
      resolver.timeIsUp()
      while answers.count < count {
        guard try loop.runOnce(timeout: .seconds(20)) else { throw Stuck() }
        resolver.timeIsUp()
      }
    }

    /// Looks up a name, from the request to the answer.
    func find(_ addresses: [String]) throws {
      let count = answers.count
      wait()
      names.answer(.addresses(addresses))
      try turn(untilAnswers: count + 1)
    }
  }

  @Test func `all requests for a name share a look-up, and each gets the answer`() throws {
    let stand = try Stand()
    for _ in 0..<3 { stand.wait() }
    stand.names.answer(.addresses(["192.0.2.1", "2001:db8::1"]))
    try stand.turn(untilAnswers: 3)
    #expect(stand.answers.allSatisfy { $0 == .addresses(["192.0.2.1", "2001:db8::1"]) })
    #expect(stand.names.asked == ["sts.example"])
  }

  @Test func `a cancelled wait gets no answer`() throws {
    let stand = try Stand()
    let first = stand.wait()
    stand.wait()
    stand.resolver.forget(first)
    stand.names.answer(.failure("no"))
    try stand.turn(untilAnswers: 1)
    while try stand.loop.runOnce() {}
    #expect(stand.answers == [.failure("no")])
  }

  @Test func `a result is used for a minute, then while the name is looked up again, then never`() throws {
    let stand = try Stand()
    #expect(stand.resolver.addresses(of: "sts.example") == nil)
    try stand.find(["192.0.2.1"])
    stand.time.advance(seconds: 60)
    #expect(stand.resolver.addresses(of: "sts.example") == ["192.0.2.1"])
    #expect(stand.resolver.addresses(of: "other.example") == nil)
    #expect(stand.names.asked.count == 1)
    stand.time.advance(seconds: 1)
    for _ in 0..<2 { #expect(stand.resolver.addresses(of: "sts.example") == ["192.0.2.1"]) }
    stand.names.answer(.addresses(["192.0.2.2"]))
    while stand.resolver.addresses(of: "sts.example") != ["192.0.2.2"] {
      guard try stand.loop.runOnce(timeout: .seconds(20)) else { throw Stuck() }
    }
    #expect(stand.names.asked.count == 2)
    stand.time.advance(seconds: 601)
    #expect(stand.resolver.addresses(of: "sts.example") == nil)
  }

  @Test func `a failed look-up doesn't discard an earlier result`() throws {
    let stand = try Stand()
    try stand.find(["192.0.2.1"])
    stand.time.advance(seconds: 100)
    #expect(stand.resolver.addresses(of: "sts.example") != nil)
    stand.wait()
    stand.names.answer(.failure("no"))
    try stand.turn(untilAnswers: 2)
    #expect(stand.resolver.addresses(of: "sts.example") == ["192.0.2.1"])
    stand.names.answer(.failure("no"))
  }

  @Test func `an address that failed is tried last for ten minutes, also when it is found again`() throws {
    let stand = try Stand()
    let all = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    try stand.find(all)
    stand.resolver.requestFailed(by: all[0], of: "sts.example")
    #expect(stand.resolver.addresses(of: "sts.example") == [all[1], all[2], all[0]])
    stand.time.advance(seconds: 1)
    stand.resolver.requestFailed(by: all[1], of: "sts.example")
    #expect(stand.resolver.addresses(of: "sts.example") == [all[2], all[0], all[1]])
    try stand.find(all)
    #expect(stand.answers.last == .addresses([all[2], all[0], all[1]]))
    stand.time.advance(seconds: 1)
    stand.resolver.requestFailed(by: all[2], of: "sts.example")
    #expect(stand.resolver.addresses(of: "sts.example") == all, "the oldest failure is tried first")
    stand.resolver.requestSucceeded(by: all[1], of: "sts.example")
    #expect(stand.resolver.addresses(of: "sts.example")?.first == all[1])
    stand.time.advance(seconds: 601)
    try stand.find(all)
    #expect(stand.answers.last == .addresses(all))
  }
}

/// Look-ups that the host's resolver never ends, or that can't begin.
extension NameResolverTests {
  /// The name couldn't be looked up again until the daemon was restarted.
  @Test func `a look-up that hangs is given up after two minutes, and the next one is used`() throws {
    let stand = try Stand()
    stand.wait()
    stand.names.awaitLookUp()
    stand.time.advance(seconds: 119)
    stand.wait()
    #expect(stand.names.asked.count == 1)
    stand.time.advance(seconds: 1)
    stand.wait()
    stand.names.awaitLookUp()
    stand.time.advance(seconds: 20)
    try stand.turn(untilAnswers: 3)
    // Both are answered in the end; a failure of one is ignored while the other is under way.
    stand.names.answer(.failure("no"))
    while try stand.loop.runOnce(timeout: .milliseconds(100)) {}
    stand.names.answer(.addresses(["192.0.2.1"]))
    while stand.resolver.addresses(of: "sts.example") == nil {
      guard try stand.loop.runOnce(timeout: .seconds(20)) else { throw Stuck() }
    }
    #expect(stand.answers.count == 3 && stand.names.asked.count == 2)
  }

  @Test func `the number of hanging threads is limited, however many names are looked up`() throws {
    let stand = try Stand()
    for name in ["a.example", "b.example", "c.example"] { stand.wait(name) }
    try stand.turn(untilAnswers: 1)
    #expect(
      stand.answers == [
        .unanswered("earlier look-ups hang in this host's resolver; a restart of the service ends them")
      ])
    for _ in 0..<2 { stand.names.answer(.addresses(["192.0.2.1"])) }
    try stand.turn(untilAnswers: 3)
    // A thread that has ended makes room.
    stand.wait("c.example")
    stand.names.answer(.addresses(["192.0.2.3"]))
    try stand.turn(untilAnswers: 4)
    #expect(stand.answers.last == .addresses(["192.0.2.3"]))
  }

  /// Requests waited for `lookup_timeout`, and then reported that the resolver didn't answer.
  @Test func `a look-up that fails is reported at once though an earlier one still hangs`() throws {
    let hung = HeldNames()
    let stand = try Stand(hung: hung)
    try stand.hang(hung)
    stand.wait()
    stand.names.answer(.failure("unknown"))
    try stand.turn(untilEnded: 1)
    #expect(stand.answers.count == 2 && stand.answers.last == .failure("unknown"))
    hung.answer(.failure("no"))
  }

  @Test func `a late failure of a hung look-up is ignored while the next one is under way`() throws {
    let hung = HeldNames()
    let stand = try Stand(hung: hung)
    try stand.hang(hung)
    stand.wait()
    stand.names.awaitLookUp()
    hung.answer(.failure("no"))
    try stand.turn(untilEnded: 1)
    #expect(stand.answers.count == 1)
    stand.names.answer(.addresses(["192.0.2.1"]))
    try stand.turn(untilAnswers: 2)
    #expect(stand.answers.last == .addresses(["192.0.2.1"]))
  }

  @Test func `a hung look-up's late result doesn't replace a later one's`() throws {
    let hung = HeldNames()
    let stand = try Stand(hung: hung)
    try stand.hang(hung)
    try stand.find(["192.0.2.2"])
    hung.answer(.addresses(["192.0.2.1"]))
    try stand.turn(untilEnded: 2)
    #expect(stand.resolver.addresses(of: "sts.example") == ["192.0.2.2"])
  }

  /// With all threads hanging no request was made any more, although STS still had the same address.
  @Test func `if no look-up can begin or be answered, the last result is used, however old`() throws {
    let stand = try Stand()
    let old = NameAnswer.addresses(["192.0.2.1"])
    try stand.find(["192.0.2.1"])
    stand.time.advance(seconds: 86_400)
    stand.wait()
    stand.names.answer(.unanswered("no name server"))
    try stand.turn(untilAnswers: 2)
    #expect(stand.answers.last == old)
    // One that hangs.
    stand.wait()
    stand.time.advance(seconds: 120)
    try stand.turn(untilAnswers: 3)
    #expect(stand.answers.last == old)
    // With a second one that hangs, no thread is left.
    stand.wait("a.example")
    stand.wait()
    try stand.turn(untilAnswers: 4)
    #expect(stand.answers.last == old)
    for _ in 0..<2 { stand.names.answer(.failure("no")) }
    try stand.turn(untilEnded: 4)
    stand.resolver.beginCall = { (_, _, _) throws(LoopError) in
      throw LoopError(attempt: "start a thread", errno: EAGAIN)
    }
    let count = stand.answers.count
    stand.wait()
    try stand.turn(untilAnswers: count + 1)
    #expect(stand.answers.last == old)
  }

  @Test func `no address for a name is an answer, too`() throws {
    let stand = try Stand()
    try stand.find(["192.0.2.1"])
    stand.time.advance(seconds: 601)
    stand.wait()
    stand.names.answer(.failure("unknown"))
    try stand.turn(untilAnswers: 2)
    #expect(stand.answers.last == .failure("unknown"))
  }

  /// "No name server answered" was reported on a host that had no thread to ask one.
  @Test func `a look-up that can't begin fails at once with the reason`() throws {
    let stand = try Stand()
    stand.resolver.beginCall = { (_, _, _) throws(LoopError) in
      throw LoopError(attempt: "start a thread", errno: EAGAIN)
    }
    for count in 1...3 {
      stand.wait()
      try stand.turn(untilAnswers: count)
    }
    let expected = NameAnswer.notAsked("event loop: cannot start a thread: Resource temporarily unavailable")
    #expect(stand.answers == [expected, expected, expected] && stand.names.asked.isEmpty)
  }
}

/// The effects on requests.
@Suite struct LookupTests {
  let server: TLSServer

  init() throws { server = try TLSServer.shared.get() }

  private func settings(lookup: Duration, connect: Duration = .seconds(5)) -> HTTPClient.Settings {
    HTTPClient.Settings(
      caFile: server.caFile, connectTimeout: connect, timeout: .seconds(30), lookupTimeout: lookup)
  }

  /// A name in the server's certificate.
  private func url(_ path: String, at port: String = "good") -> String {
    server.url(path, at: port).replacing("127.0.0.1", with: "sts.example")
  }

  /// Each request began a look-up of its own that ended too late, and no request was ever made.
  @Test func `a look-up that outlasts its request serves the next one`() throws {
    let names = HeldNames()
    let bench = try Bench(settings(lookup: .milliseconds(300)), lookUp: { names.lookUp($0) })
    for _ in 0..<2 {
      let failure = try bench.post(url("/ok")).failure
      #expect(failure?.kind == .resolve)
      #expect(failure?.text == "no address for 'sts.example': this host's resolver didn't answer within 0.3s")
    }
    #expect(names.asked == ["sts.example"], "the second waits for the same look-up")
    names.answer(.addresses(["127.0.0.1"]))
    while try bench.loop.runOnce(timeout: .milliseconds(500)) {}
    #expect(try bench.post(url("/ok")).head?.status == 200)
    #expect(names.asked.count == 1)
  }

  @Test func `a look-up may take longer than a connection`() throws {
    let names = HeldNames()
    let bench = try Bench(settings(lookup: .seconds(20), connect: .milliseconds(700)), lookUp: { names.lookUp($0) })
    let request = try bench.start(url("/ok"))
    let end = EventLoop.bootTime() + 1_000_000
    while EventLoop.bootTime() < end { try bench.loop.runOnce(timeout: .milliseconds(50)) }
    #expect(request.answer == nil)
    names.answer(.addresses(["127.0.0.1"]))
    try bench.turn { request.answer != nil }
    #expect(request.answer?.head?.status == 200)
  }

  @Test func `a name without an address is a failure at once, for a proxy the proxy's`() throws {
    let failing = try Bench(settings(lookup: .seconds(20)), lookUp: { _ in .failure("unknown") })
    #expect(try failing.post(url("/ok")).failure?.text == "no address for 'sts.example': unknown")
    var proxied = settings(lookup: .seconds(20))
    proxied.proxy = HTTPClient.Proxy(url: "http://proxy.example:3128")
    let failure = try Bench(proxied, lookUp: { _ in .failure("unknown") }).post(url("/ok")).failure
    #expect(failure?.kind == .proxyUnresolved)
    #expect(failure?.text == "no address for 'proxy.example': unknown")
  }

  /// libcurl tries another address if one accepts no connection, but not if it accepts one and then stays silent.
  @Test func `an address that accepts connections and stays silent costs one request`() throws {
    let silent = try SilentAddress("127.0.0.3", port: server.port())
    let bench = try Bench(
      settings(lookup: .seconds(5), connect: .milliseconds(700)),
      lookUp: { _ in .addresses(["127.0.0.3", "127.0.0.1"]) })
    #expect(try bench.post(url("/ok")).failure?.kind == .connectTimeout)
    for _ in 0..<2 { #expect(try bench.post(url("/ok")).head?.status == 200) }
    withExtendedLifetime(silent) {}
  }

  /// An address that refused cost half of the remaining connect timeout. Not the address on which another test has a silent
  /// listener at the same time.
  @Test func `addresses that refuse connections are skipped at once`() throws {
    let all = ["127.0.0.5", "127.0.0.6", "127.0.0.7", "127.0.0.8", "127.0.0.1"]
    let bench = try Bench(settings(lookup: .seconds(5), connect: .seconds(10)), lookUp: { _ in .addresses(all) })
    let begin = EventLoop.bootTime()
    #expect(try bench.post(url("/ok")).head?.status == 200)
    // It took 8.7 s.
    #expect(EventLoop.bootTime() - begin < 4_000_000)
  }

  @Test func `where all addresses refuse, the failure names some of them and the reason`() throws {
    let bench = try Bench(
      settings(lookup: .seconds(5)), lookUp: { _ in .addresses(["127.0.0.5", "127.0.0.6"]) })
    let failure = try bench.post(url("/ok")).failure
    #expect(failure?.kind == .connect)
    #expect(
      try failure?.text == "no connection to sts.example:\(server.port()) (127.0.0.5, 127.0.0.6): Connection refused")
  }

  @Test func `an address that accepts no connection costs half the connect timeout, once`() throws {
    let full = try FullAddress("127.0.0.4", port: server.port())
    let bench = try Bench(
      settings(lookup: .seconds(5), connect: .seconds(2)), lookUp: { _ in .addresses(["127.0.0.4", "127.0.0.1"]) })
    let begin = EventLoop.bootTime()
    #expect(try bench.post(url("/ok")).head?.status == 200)
    #expect(EventLoop.bootTime() - begin >= 1_000_000)
    #expect(bench.client.resolver.addresses(of: "sts.example") == ["127.0.0.1", "127.0.0.4"])
    withExtendedLifetime(full) {}
  }

  @Test func `no connection and a silent connection are different failures`() throws {
    let full = try FullAddress("127.0.0.9", port: server.port())
    let silent = try SilentAddress("127.0.0.10", port: server.port())
    let cases = [
      ("127.0.0.9", "no connection to sts.example:\(try server.port()) (127.0.0.9) within 0.7s"),
      ("127.0.0.10", "sts.example:\(try server.port()) didn't complete the TLS handshake within 0.7s"),
    ]
    for (address, text) in cases {
      let bench = try Bench(
        settings(lookup: .seconds(5), connect: .milliseconds(700)), lookUp: { _ in .addresses([address]) })
      let failure = try bench.post(url("/ok")).failure
      #expect(failure?.kind == .connectTimeout && failure?.text == text)
    }
    withExtendedLifetime((full, silent)) {}
  }

  /// The first to be notified of a look-up's end may cancel another request and start a third one, which gets its handle.
  @Test func `a look-up's result isn't used for a later request with the same handle`() throws {
    let names = HeldNames()
    let bench = try Bench(settings(lookup: .seconds(20)), lookUp: { names.lookUp($0) })
    var third: Bench.Request?
    var second: HTTPClient.TransferID?
    try bench.client.send(HTTPRequest(.post, url("/ok"))) { _, _ in
      bench.client.cancel(second!)
      third = try? bench.start(server.url("/ok"))
    }
    second = try bench.client.send(HTTPRequest(.post, url("/ok"))) { _, _ in Issue.record("it was cancelled") }
    names.answer(.failure("unknown"))
    try bench.turn { third?.answer != nil }
    #expect(third?.answer?.head?.status == 200)
  }

  @Test func `a request that had no thread for its look-up fails with that reason`() throws {
    let bench = try Bench(settings(lookup: .seconds(20)), lookUp: { _ in .failure("unknown") })
    bench.client.resolver.beginCall = { (_, _, _) throws(LoopError) in
      throw LoopError(attempt: "start a thread", errno: EAGAIN)
    }
    let failure = try bench.post(url("/ok")).failure
    #expect(failure?.kind == .noResources && failure?.text.hasPrefix("'sts.example' can't be looked up: ") == true)
  }

  @Test func `one address of each family is tried at a time`() {
    var addresses = AddressesToTry(["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", "192.0.2.3"])
    var attempts: [[String]] = []
    while addresses.goOn() { attempts.append(addresses.current) }
    #expect(attempts == [["2001:db8::1", "192.0.2.1"], ["2001:db8::2", "192.0.2.2"], ["192.0.2.3"]])
    #expect(addresses.tried.count == 5 && !addresses.hasMore)
  }

  @Test func `a request cancelled during its look-up, or whose client is released, isn't completed`() throws {
    let names = HeldNames()
    var bench: Bench? = try Bench(settings(lookup: .seconds(20)), lookUp: { names.lookUp($0) })
    let loop = bench!.loop
    let cancelled = try bench!.start(url("/ok"))
    let left = try bench!.start(url("/ok"))
    bench!.client.cancel(cancelled.id!)
    #expect(bench!.client.freeHandles == HTTPClient.handles - 1)
    bench = nil
    names.answer(.addresses(["127.0.0.1"]))
    while try loop.runOnce(timeout: .milliseconds(100)) {}
    #expect(cancelled.answer == nil && left.answer == nil)
  }

  @Test func `a client released by the first completion completes no other request`() throws {
    let loop = try EventLoop()
    var client: HTTPClient? = try HTTPClient(
      loop, settings: settings(lookup: .seconds(20)), proxyPassword: nil, lookUp: { _ in .failure("unknown") })
    var completions = 0
    for _ in 0..<3 {
      try client!.send(HTTPRequest(.post, url("/ok"))) { _, _ in
        completions += 1
        client = nil
      }
    }
    while completions == 0 { try loop.runOnce(timeout: .seconds(10)) }
    while try loop.runOnce(timeout: .milliseconds(50)) {}
    #expect(completions == 1)
  }

  @Test(
    arguments: [
      ("https://sts.example/?a", "sts.example", 443), ("https://STS.Example:8443/", "sts.example", 8443),
      ("http://proxy.example", "proxy.example", 80), ("https://127.0.0.1:1/", nil, 0), ("https://[::1]:1/", nil, 0),
      ("https://1.2.3.example/x@y:9", "1.2.3.example", 443), ("nothing", nil, 0), ("https:///", nil, 0),
      ("https://sts.example", "sts.example", 443), ("https://sts.example:8443#x:1", "sts.example", 8443),
      ("https://sts.example?a=http://b:1/", "sts.example", 443), ("https://sts.example:/", "sts.example", 443),
      ("https://:8443/", nil, 0), ("sts.example:8443", nil, 0),
    ] as [(String, String?, UInt16)])
  func `a host known by name is looked up, an address isn't`(_ url: String, _ name: String?, _ port: UInt16) {
    let host = HostToLookUp(url: url)
    #expect(host?.name == name)
    if name != nil { #expect(host?.port == port) }
  }
}

/// Accepts connections at a port of another loopback address, and stays silent.
private final class SilentAddress {
  private let descriptor: CInt

  init(_ text: String, port: UInt16) throws {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    self.descriptor = descriptor
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, text, &address.sin_addr)
    let bound = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard bound == 0, listen(descriptor, 64) == 0 else {
      throw StreamError(attempt: "listen at \(text)", number: errno)
    }
  }

  deinit { close(descriptor) }
}

/// Accepts no more connections and doesn't answer, like a firewall that drops packets: its queue is full (listen(2)).
private final class FullAddress {
  private var descriptors: [CInt] = []

  init(_ text: String, port: UInt16) throws {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, text, &address.sin_addr)
    let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
    for number in 0..<4 {
      let descriptor = socket(AF_INET, kind, 0)
      descriptors.append(descriptor)
      let status = withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          let size = socklen_t(MemoryLayout<sockaddr_in>.size)
          return number == 0 ? bind(descriptor, $0, size) : connect(descriptor, $0, size)
        }
      }
      if number == 0, status != 0 || listen(descriptor, 0) != 0 {
        throw StreamError(attempt: "listen at \(text)", number: errno)
      }
    }
  }

  deinit { for descriptor in descriptors { close(descriptor) } }
}

extension TLSServer {
  fileprivate func port() throws -> UInt16 { UInt16(url("").split(separator: ":").last!)! }
}

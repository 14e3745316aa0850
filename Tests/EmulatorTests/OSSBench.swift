import Glibc
import TestSupport
import Testing

@testable import Emulator

/// The service without sockets: a directory, a frozen clock, and signed requests.
final class OSSBench {
  static let object = OSSDraft.object

  let directory: TemporaryDirectory
  let clock = EmulatorClock(frozenAt: OSSVector.time)
  let shared: SharedService
  let service: OSSService
  var grant: UploadGrant

  init(_ given: AccountModel = AccountModel(), _ change: (inout OSSSettings) -> Void = { _ in }) throws {
    directory = try TemporaryDirectory()
    var model = given
    change(&model.oss)
    let store = ObjectStore(directory: directory.path("objects"))
    shared = SharedService(Cloud(model: model, store: store), clock: clock)
    service = OSSService(store: store, shared: shared)
    grant = service.store.grant(for: Self.object, lifetime: 3000, at: clock.now)
  }

  var store: ObjectStore { service.store }

  func renew(lifetime: Int = 3000) { grant = store.grant(for: Self.object, lifetime: lifetime, at: clock.now) }

  func add(_ kind: Fault.Kind, action: OSSOperation? = nil, part: Int? = nil, count: Int? = 1) {
    shared.withService { _ = $0.faults.add(Fault(kind, action: action?.rawValue, count: count, part: part)) }
  }

  func send(
    _ method: String, _ query: [(name: String, value: String)] = [], _ body: [UInt8] = [],
    headers: [(name: String, value: String)] = [], object: ObjectName = OSSBench.object,
    change: (inout Request) -> Void = { _ in }
  ) -> OSSResult {
    var draft = OSSDraft(method, object: object, query: query, body: body)
    draft.headers = headers
    var request = draft.signed(by: grant, at: clock.now)
    change(&request)
    return send(request)
  }

  /// Passes the body in pieces as the server does; the result of a closed connection has the status 0.
  func send(_ request: Request) -> OSSResult {
    var head = request
    head.body = []
    let sink = service.begin(head)
    var pauses = 0
    var rest = request.body[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(16_384))
      rest = rest.dropFirst(piece.count)
      switch piece.withUnsafeBytes({ sink.take($0) }) {
      case .next: continue
      case .pause(let milliseconds): pauses += milliseconds
      case .close: return OSSResult(nil, pausedMilliseconds: pauses)
      }
    }
    return OSSResult(sink.reply(), pausedMilliseconds: pauses)
  }

  func initiate() throws -> String {
    try #require(send("POST", [("uploads", "")]).xml?["UploadId"])
  }

  func part(_ number: Int, of id: String, _ body: [UInt8]) -> OSSResult {
    send("PUT", [("partNumber", String(number)), ("uploadId", id)], body)
  }

  func complete(_ id: String, _ parts: [(number: Int, etag: String)]) -> OSSResult {
    let list = parts.map { "<Part><PartNumber>\($0.number)</PartNumber><ETag>\($0.etag)</ETag></Part>" }.joined()
    return send(
      "POST", [("uploadId", id)], Array("<CompleteMultipartUpload>\(list)</CompleteMultipartUpload>".utf8))
  }

  /// The object's bytes on the disk; nil if there is no such file.
  var stored: [UInt8]? { fileBytes(directory.path("objects/\(Self.object.bucket)/\(Self.object.key)")) }

  /// Files beside the objects: unfinished parts and bodies.
  var drafts: [String] { FileNames.read(directory.path("objects/.uploads")) }

  var results: [String] { service.log.recent.map(\.result) }
}

/// What came back.
struct OSSResult {
  let reply: Reply?
  let pausedMilliseconds: Int

  init(_ reply: Reply?, pausedMilliseconds: Int) {
    self.reply = reply
    self.pausedMilliseconds = pausedMilliseconds
  }

  var isCut: Bool { reply == nil || reply?.manner == .refused }
  var status: Int { isCut ? 0 : reply?.answer.status ?? 0 }
  var xml: XMLElement? { (reply?.answer.body).flatMap { XMLElement($0) } }
  /// Empty for a good answer.
  var code: String { xml?.name == "Error" ? xml?["Code"] ?? "" : "" }
  var etag: String { reply?.answer.header("ETag") ?? "" }
  var crc: UInt64? { (reply?.answer.header("x-oss-hash-crc64ecma")).flatMap { UInt64($0) } }
}

/// Nil for a file that can't be read.
func fileBytes(_ path: String) -> [UInt8]? {
  guard let stream = fopen(path, "re") else { return nil }
  defer { fclose(stream) }
  fseek(stream, 0, SEEK_END)
  var bytes = [UInt8](repeating: 0, count: ftell(stream))
  rewind(stream)
  return fread(&bytes, 1, bytes.count, stream) == bytes.count ? bytes : nil
}

/// Bytes that look random and are the same in every run.
func sampleBytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var generator = SeededGenerator(seed: seed)
  return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
}

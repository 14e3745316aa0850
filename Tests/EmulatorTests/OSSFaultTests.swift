import Testing

@testable import Emulator

@Suite struct OSSFaultTests {
  @Test func `faults choose calls to OSS by operation, part and object, and leave STS alone`() throws {
    var list = FaultList()
    list.add(Fault(.corrupt, action: "UploadPart", part: 2, objectKey: OSSBench.object.key))
    list.add(Fault(.refuse, service: .oss))
    func kinds(_ target: String) throws -> [Fault.Kind] {
      let request = Request(method: "PUT", target: target, headers: [.init(name: "Host", value: "127.0.0.1")])
      return list.take(FaultTarget(try OSSCall(request)))
    }
    let path = "/outin-1/\(OSSBench.object.key)"
    #expect(try kinds(path) == [.refuse])
    #expect(try kinds("\(path)?partNumber=1&uploadId=U") == [.refuse])
    #expect(try kinds("\(path)?partNumber=2&uploadId=U") == [.corrupt, .refuse])
    #expect(try kinds("/outin-1/other?partNumber=2&uploadId=U") == [.refuse])
    #expect(list.take(FaultTarget(nil, role: nil, from: "127.0.0.1")).isEmpty)
  }

  @Test func `a fault ends the credential with one AccessKeyId alone`() throws {
    let bench = try OSSBench()
    bench.add(.sessionRevoked(id: bench.grant.keyID), count: nil)
    #expect(bench.send("PUT", [], [1]).code == "InvalidAccessKeyId")
    bench.renew()
    #expect(bench.send("PUT", [], [1]).status == 200)
  }

  @Test func `faults of connections can be limited to a service`() {
    var list = FaultList()
    list.add(Fault(.unreachable, service: .oss))
    list.add(Fault(.certificate(.expired), service: .sts))
    let services: [Fault.Service] = [.sts, .oss]
    let isMet = services.map { list.takeUnreachable(from: "127.0.0.1", to: $0) }
    let flaws = services.map { list.takeCertificate(from: "127.0.0.1", to: $0) }
    #expect(isMet == [false, true] && flaws == [.expired, nil])
  }

  @Test func `an error replaces the operation, which isn't carried out`() throws {
    let bench = try OSSBench()
    bench.add(.error(Refusal(status: 500, code: "InternalError", message: "x"), retryAfterMilliseconds: nil))
    let result = bench.send("PUT", [], Array("x".utf8))
    #expect(result.status == 500 && result.code == "InternalError" && bench.stored == nil)
    bench.add(.refuse)
    #expect(bench.send("PUT", [], Array("x".utf8)).isCut)
    bench.add(.html(status: 502))
    #expect(bench.send("PUT", [], Array("x".utf8)).status == 502)
    #expect(bench.send("PUT", [], Array("x".utf8)).status == 200)
    #expect(bench.results == ["InternalError", "refused", "html", "OK"])
  }

  @Test(arguments: ["RequestTimeTooSkewed", "NoSuchUpload", "SecurityTokenExpired", "AccessDenied", "InternalError"])
  func `OSS's own codes bring their status along`(code: String) throws {
    let parameters = try #require(Parameters(decoding: "kind=error&code=\(code)".utf8))
    let bench = try OSSBench()
    let fault = try Fault(parameters)
    bench.shared.withService { _ = $0.faults.add(fault) }
    let result = bench.send("PUT", [], Array("x".utf8))
    let known = try #require(OSSRefusal.named(code))
    #expect(result.code == code && result.status == known.status && result.xml?["Message"] == known.message)
  }

  @Test func `an answer is lost after the operation`() throws {
    let bench = try OSSBench()
    bench.add(.lostAnswer, action: .putObject)
    #expect(bench.send("PUT", [], Array("x".utf8)).isCut)
    #expect(bench.stored == Array("x".utf8))
    let id = try bench.initiate()
    let part = bench.part(1, of: id, Array("y".utf8))
    bench.add(.lostAnswer, action: .completeMultipartUpload)
    #expect(bench.complete(id, [(1, part.etag)]).isCut)
    #expect(bench.stored == Array("y".utf8))
    #expect(bench.complete(id, [(1, part.etag)]).code == "NoSuchUpload")
    #expect(bench.results.filter { $0 == "lost" }.count == 2)
  }

  @Test func `the connection breaks off in the middle of a body`() throws {
    let bench = try OSSBench()
    bench.add(.dropRequest)
    #expect(bench.send("PUT", [], sampleBytes(100_000)).isCut)
    #expect(bench.stored == nil && bench.drafts.isEmpty)
    let entry = try #require(bench.service.log.recent.last)
    #expect(entry.result == "broken off" && entry.status == 0 && (50_000..<100_000).contains(entry.size))
  }

  @Test func `a body is read with a pause in its middle, or slowly`() throws {
    let bench = try OSSBench()
    bench.add(.stall(milliseconds: 7000))
    let stalled = bench.send("PUT", [], sampleBytes(100_000))
    #expect(stalled.status == 200 && stalled.pausedMilliseconds == 7000)
    bench.add(.slowRequest(milliseconds: 1_000_000))
    let slow = bench.send("PUT", [], sampleBytes(100_000))
    // The pauses are requested but not made here, so they add up to more than the whole.
    #expect(slow.status == 200 && slow.pausedMilliseconds >= 900_000)
    #expect(bench.send("PUT", [], sampleBytes(100_000)).pausedMilliseconds == 0)
  }

  @Test func `a request without a body is cut or delayed, too`() throws {
    let bench = try OSSBench()
    bench.add(.dropRequest)
    #expect(bench.send("POST", [("uploads", "")]).isCut)
    #expect(bench.store.unfinishedUploads(of: OSSBench.object) == 0)
    bench.add(.stall(milliseconds: 3000))
    let stalled = bench.send("POST", [("uploads", "")])
    #expect(stalled.status == 200 && stalled.reply?.delayMilliseconds == 3000)
  }

  @Test func `a wrong or missing checksum or ETag in the answer leaves the stored object right`() throws {
    let bench = try OSSBench()
    let bytes = Array("x".utf8)
    bench.add(.checksum(.wrong))
    let wrong = bench.send("PUT", [], bytes)
    #expect(wrong.status == 200 && wrong.crc != nil && wrong.crc != CRC64.of(bytes))
    bench.add(.checksum(.missing))
    let missing = bench.send("PUT", [], bytes)
    #expect(missing.status == 200 && missing.crc == nil)
    bench.add(.wrongETag, action: .uploadPart)
    let id = try bench.initiate()
    #expect(bench.part(1, of: id, bytes).etag != "\"\(TextCoding.hex(MD5.of(bytes)).uppercased())\"")
    #expect(bench.stored == bytes && bench.store.stored(OSSBench.object)?.crc64 == CRC64.of(bytes))
  }

  @Test(arguments: [1, 2, 16_384, 50_001])
  func `one byte arrives changed, and the checksums show it`(size: Int) throws {
    let bench = try OSSBench()
    let bytes = sampleBytes(size)
    bench.add(.corrupt, action: .uploadPart, part: 2)
    let id = try bench.initiate()
    #expect(bench.part(1, of: id, bytes).crc == CRC64.of(bytes))
    let result = bench.part(2, of: id, bytes)
    #expect(result.status == 200 && result.crc != CRC64.of(bytes))
    #expect(bench.complete(id, [(2, result.etag)]).crc == result.crc)
    let stored = try #require(bench.stored)
    #expect(stored.count == size && zip(stored, bytes).count { $0 != $1 } == 1)
    #expect(CRC64.of(stored) == result.crc)
  }

  @Test(arguments: [nil, .securityTokenExpired, .invalidAccessKeyId] as [OSSSettings.ExpiredCode?])
  func `a credential ends at part N and stays at its end, and a new one goes on`(code: OSSSettings.ExpiredCode?) throws
  {
    let bench = try OSSBench()
    bench.add(.tokenExpired(code, when: .start), action: .uploadPart, part: 2)
    let id = try bench.initiate()
    #expect(bench.part(1, of: id, Array("a".utf8)).status == 200)
    let expected = (code ?? .securityTokenExpired).rawValue
    for number in [2, 2, 1, 3] { #expect(bench.part(number, of: id, Array("b".utf8)).code == expected) }
    bench.renew()
    #expect(bench.part(2, of: id, Array("b".utf8)).status == 200)
  }

  @Test func `a credential ends while a part is being sent`() throws {
    let bench = try OSSBench()
    bench.add(.tokenExpired(nil, when: .end), action: .uploadPart)
    let id = try bench.initiate()
    let result = bench.part(1, of: id, sampleBytes(100_000))
    #expect(result.code == "SecurityTokenExpired" && bench.service.log.recent.last?.size == 100_000)
    #expect(bench.drafts.count == 1, "the upload's own file, for the next attempt")
    bench.renew()
    let part = bench.part(1, of: id, Array("x".utf8))
    #expect(bench.complete(id, [(1, part.etag)]).status == 200)
    #expect(bench.stored == Array("x".utf8) && bench.drafts.isEmpty)
  }

  @Test func `a fault can have a credential's expiry judged at the body's end`() throws {
    for isAsked in [false, true] {
      let bench = try OSSBench()
      bench.renew(lifetime: 10)
      if isAsked { bench.add(.checkExpiryAtEnd) }
      let request = OSSDraft("PUT", object: OSSBench.object).signed(by: bench.grant, at: bench.clock.now)
      let sink = bench.service.begin(request)
      bench.clock.advance(bySeconds: 10)
      #expect(sink.reply().answer.status == (isAsked ? 403 : 200))
      #expect((bench.stored == nil) == isAsked)
    }
  }

  @Test func `a fault makes an upload disappear`() throws {
    let bench = try OSSBench()
    let id = try bench.initiate()
    let part = bench.part(1, of: id, Array("x".utf8))
    bench.add(.noSuchUpload, action: .uploadPart)
    #expect(bench.part(2, of: id, Array("x".utf8)).code == "NoSuchUpload")
    #expect(bench.complete(id, [(1, part.etag)]).code == "NoSuchUpload")
    #expect(bench.drafts.isEmpty)
  }

  @Test func `faults change Date and headers as with STS`() throws {
    let bench = try OSSBench()
    bench.add(.date(offsetSeconds: 60))
    bench.add(.header(name: "Retry-After", value: "3"))
    let answer = bench.send("PUT", [], Array("x".utf8)).reply?.answer
    #expect(answer?.header("Date") == "Fri, 02 Jan 2026 03:05:05 GMT" && answer?.header("Retry-After") == "3")
  }

  struct Worded: Sendable, CustomTestStringConvertible {
    let text: String
    /// Nil for a refusal.
    let kind: Fault.Kind?

    var testDescription: String { text }
  }

  @Test(arguments: [
    Worded(text: "kind=drop-request", kind: .dropRequest),
    Worded(text: "kind=slow-request&milliseconds=5", kind: .slowRequest(milliseconds: 5)),
    Worded(text: "kind=stall&milliseconds=5", kind: .stall(milliseconds: 5)),
    Worded(text: "kind=lost-answer", kind: .lostAnswer), Worded(text: "kind=checksum", kind: .checksum(.wrong)),
    Worded(text: "kind=checksum&form=missing", kind: .checksum(.missing)), Worded(text: "kind=etag", kind: .wrongETag),
    Worded(text: "kind=corrupt", kind: .corrupt),
    Worded(text: "kind=token-expired", kind: .tokenExpired(nil, when: .start)),
    Worded(
      text: "kind=token-expired&code=InvalidAccessKeyId&at=end", kind: .tokenExpired(.invalidAccessKeyId, when: .end)),
    Worded(text: "kind=check-expiry-at-end", kind: .checkExpiryAtEnd),
    Worded(text: "kind=no-such-upload", kind: .noSuchUpload), Worded(text: "kind=stall", kind: nil),
    Worded(text: "kind=checksum&form=x", kind: nil), Worded(text: "kind=token-expired&at=noon", kind: nil),
    Worded(text: "kind=corrupt&part=0", kind: nil), Worded(text: "kind=corrupt&service=ram", kind: nil),
  ])
  func `the control endpoint sets OSS faults`(_ row: Worded) throws {
    let parameters = try #require(Parameters(decoding: row.text.utf8))
    if let kind = row.kind {
      let fault = try Fault(parameters)
      #expect(fault.kind == kind && kind.name == parameters["kind"])
      #expect(ControlAPI.help.contains("\n  \(kind.name) ") || ControlAPI.help.contains("\n  \(kind.name)\n"))
    } else {
      #expect(throws: FaultError.self) { try Fault(parameters) }
    }
  }
}

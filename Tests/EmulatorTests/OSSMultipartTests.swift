import Glibc
import TestSupport
import Testing

@testable import Emulator

@Suite struct OSSMultipartTests {
  private static let least = MultipartUpload.leastPart

  @Test func `parts become one object with the checksums of the whole`() throws {
    let bench = try OSSBench()
    let bodies = [sampleBytes(Self.least, seed: 1), sampleBytes(Self.least, seed: 2), sampleBytes(70, seed: 3)]
    let id = try bench.initiate()
    let parts = bodies.enumerated().map { bench.part($0.offset + 1, of: id, $0.element) }
    for (part, body) in zip(parts, bodies) {
      #expect(part.status == 200 && part.crc == CRC64.of(body))
      #expect(part.etag == "\"\(TextCoding.hex(MD5.of(body)).uppercased())\"")
    }
    #expect(bench.stored == nil && bench.store.stored(OSSBench.object) == nil)
    let result = bench.complete(id, parts.enumerated().map { (number: $0.offset + 1, etag: $0.element.etag) })
    let whole = bodies.flatMap(\.self)
    let digest = MD5.of(bodies.flatMap { MD5.of($0) })
    #expect(result.status == 200 && result.crc == CRC64.of(whole))
    #expect(result.etag == "\"\(TextCoding.hex(digest).uppercased())-3\"")
    #expect(result.xml?["ETag"] == result.etag && result.xml?["Key"] == OSSBench.object.key)
    #expect(result.xml?["Location"] == "https://127.0.0.1:443/outin-1/sv/1/clip.mp4")
    #expect(bench.stored == whole && bench.drafts.isEmpty)
    #expect(bench.send("HEAD").reply?.answer.header("x-oss-object-type") == "Multipart")
    #expect(bench.store.stored(OSSBench.object)?.writes == 1)
  }

  /// Sizes, order of sending, gaps, second and failed attempts from a seeded generator.
  @Test(arguments: 1...40)
  func `whatever the parts' sizes and order, their bytes come out in the order of their numbers`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let bench = try OSSBench()
    let isEven = Bool.random(using: &generator)
    var numbers: [Int] = []
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
      numbers.append(
        (numbers.last ?? 0) + (Bool.random(using: &generator) ? 1 : Int.random(in: 1...4, using: &generator)))
    }
    let last = numbers.last!
    var bodies: [Int: [UInt8]] = [:]
    let id = try bench.initiate()
    var etags: [Int: String] = [:]
    for number in (numbers + numbers.filter { _ in Int.random(in: 0..<3, using: &generator) == 0 })
      .shuffled(using: &generator)
    {
      let least = number == last ? 1 : Self.least
      let size =
        isEven && number != last ? Self.least + 11 : Int.random(in: least...Self.least + 5000, using: &generator)
      let body = sampleBytes(size, seed: generator.next())
      if Int.random(in: 0..<5, using: &generator) == 0 {
        bench.add(.dropRequest, action: .uploadPart)
        #expect(bench.part(number, of: id, body).isCut)
      }
      let result = bench.part(number, of: id, body)
      #expect(result.status == 200)
      bodies[number] = body
      etags[number] = result.etag
    }
    let extra = bench.part(last + 1, of: id, sampleBytes(Self.least))
    #expect(extra.status == 200)
    let result = bench.complete(id, numbers.map { (number: $0, etag: etags[$0]!) })
    let whole = numbers.flatMap { bodies[$0]! }
    #expect(result.status == 200 && result.crc == CRC64.of(whole), "\(result.code)")
    #expect(bench.stored == whole)
    #expect(bench.drafts.isEmpty)
  }

  @Test func `concurrent parts, some sent twice, become one object`() async throws {
    let bench = try OSSBench()
    let id = try bench.initiate()
    let bodies = (1...16).map { sampleBytes($0 == 16 ? 99 : Self.least, seed: UInt64($0)) }
    let service = bench.service
    let requests = (0..<24).map { index in
      let number = index % 16 + 1
      return OSSDraft(
        "PUT", object: OSSBench.object, query: [("partNumber", String(number)), ("uploadId", id)],
        body: bodies[number - 1]
      ).signed(by: bench.grant, at: bench.clock.now)
    }
    let statuses = await withTaskGroup(of: Int.self) { group in
      for request in requests {
        group.addTask {
          var head = request
          head.body = []
          let sink = service.begin(head)
          _ = request.body.withUnsafeBytes { sink.take($0) }
          return sink.reply().answer.status
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(statuses == Array(repeating: 200, count: 24))
    let list = bodies.enumerated().map { index, body in
      (number: index + 1, etag: "\"\(TextCoding.hex(MD5.of(body)))\"")
    }
    let whole = bodies.flatMap(\.self)
    #expect(bench.complete(id, list).crc == CRC64.of(whole))
    #expect(bench.stored == whole && bench.drafts.isEmpty)
  }

  @Test(arguments: [[2, 1, 3], [1, 3, 5], [1, 164, 327]])
  func `equal parts and a smaller last one are one file from the beginning`(numbers: [Int]) throws {
    let bench = try OSSBench()
    let id = try bench.initiate()
    let last = numbers.max()
    let bodies = numbers.sorted().map { sampleBytes($0 == last ? 5 : Self.least) }
    let etags = numbers.map { number in
      (number: number, etag: bench.part(number, of: id, bodies[numbers.sorted().firstIndex(of: number)!]).etag)
    }
    #expect(bench.drafts.count == 1)
    #expect(bench.complete(id, etags.sorted { $0.number < $1.number }).status == 200)
    #expect(bench.stored == bodies.flatMap(\.self))
  }

  @Test func `parts with unevenly spaced numbers are joined all the same`() throws {
    let bench = try OSSBench()
    let id = try bench.initiate()
    let bodies = (1...4).map { _ in sampleBytes(Self.least) }
    let numbers = [1, 3, 4, 7]
    let list = zip(numbers, bodies).map { (number: $0, etag: bench.part($0, of: id, $1).etag) }
    #expect(bench.complete(id, list).status == 200)
    #expect(bench.stored == bodies.flatMap(\.self) && bench.drafts.isEmpty)
  }

  @Test func `a part that is sent again replaces the first, and a failing second attempt doesn't`() throws {
    let bench = try OSSBench()
    let id = try bench.initiate()
    let first = bench.part(1, of: id, Array("first".utf8))
    bench.add(.dropRequest, action: .uploadPart)
    #expect(bench.part(1, of: id, Array("other".utf8)).isCut)
    let list = bench.send("GET", [("uploadId", id)])
    #expect(list.code == "AccessDenied")
    let second = bench.part(1, of: id, Array("second".utf8))
    #expect(bench.complete(id, [(1, first.etag)]).code == "InvalidPart")
    #expect(bench.complete(id, [(1, second.etag)]).status == 200)
    #expect(bench.stored == Array("second".utf8))
  }

  struct Refused: Sendable, CustomTestStringConvertible {
    let name: String
    /// The sizes by part number.
    let parts: [(number: Int, size: Int)]
    /// The listed numbers; a negative one has another part's ETag.
    let listed: [Int]
    let code: String
    let ec: String

    var testDescription: String { name }
  }

  @Test(arguments: [
    Refused(
      name: "a small part that isn't the last", parts: [(1, least - 1), (2, least)], listed: [1, 2],
      code: "EntityTooSmall", ec: "0042-00000213"),
    Refused(
      name: "a falling order", parts: [(1, least), (2, least)], listed: [2, 1], code: "InvalidPartOrder",
      ec: "0042-00000209"),
    Refused(
      name: "a part twice", parts: [(1, least), (2, least)], listed: [1, 1], code: "InvalidPartOrder",
      ec: "0042-00000209"),
    Refused(
      name: "a part that isn't there", parts: [(1, least)], listed: [1, 3], code: "InvalidPart", ec: "0000-00000000"),
    Refused(name: "another ETag", parts: [(1, least)], listed: [-1], code: "InvalidPart", ec: "0000-00000000"),
    Refused(name: "no part", parts: [(1, least)], listed: [], code: "MalformedXML", ec: "0042-00000205"),
    Refused(
      name: "a number that no part has", parts: [(1, least)], listed: [1, 10_001], code: "InvalidArgument",
      ec: "0000-00000000"),
  ])
  func `a wrong list is refused and leaves the upload as it is`(_ row: Refused) throws {
    let bench = try OSSBench()
    let id = try bench.initiate()
    var etags: [Int: String] = [:]
    for part in row.parts { etags[part.number] = bench.part(part.number, of: id, sampleBytes(part.size)).etag }
    let list = row.listed.map { (number: abs($0), etag: $0 < 0 ? "\"00\"" : etags[$0] ?? "\"00\"") }
    let result = bench.complete(id, list)
    #expect(result.status == 400 && result.code == row.code && result.xml?["EC"] == row.ec)
    #expect(bench.stored == nil)
    // The last part alone makes an object, however small it is.
    let (number, _) = row.parts.last!
    #expect(bench.complete(id, [(number, etags[number]!)]).status == 200)
  }

  @Test func `a gap between numbers is allowed, and an ETag without quotes or in small letters`() throws {
    let bench = try OSSBench()
    let id = try bench.initiate()
    let one = bench.part(3, of: id, sampleBytes(Self.least))
    let two = bench.part(10_000, of: id, Array("end".utf8))
    let bare = String(one.etag.dropFirst().dropLast()).lowercased()
    #expect(bench.complete(id, [(3, bare), (10_000, "&quot;\(two.etag.dropFirst().dropLast())&quot;")]).status == 200)
    #expect(bench.stored == sampleBytes(Self.least) + Array("end".utf8))
  }

  @Test(arguments: ["0", "10001", "-1", "x", ""])
  func `a part number is 1 to 10,000`(number: String) throws {
    let bench = try OSSBench()
    let id = try bench.initiate()
    let result = bench.send("PUT", [("partNumber", number), ("uploadId", id)], Array("x".utf8))
    #expect(result.status == 400 && result.code == "InvalidArgument")
  }

  @Test func `a part of more than 5 GB is refused by its Content-Length`() throws {
    let bench = try OSSBench()
    let id = try bench.initiate()
    let result = bench.send("PUT", [("partNumber", "1"), ("uploadId", id)]) {
      $0.set("content-length", String((5 << 30) + 1))
    }
    #expect(result.status == 400 && result.code == "EntityTooLarge")
  }

  @Test func `an upload that was never begun, is finished or belongs to another object doesn't exist`() throws {
    let bench = try OSSBench()
    for result in [
      bench.part(1, of: "ABC", Array("x".utf8)), bench.complete("ABC", [(1, "\"00\"")]),
      bench.part(1, of: "", Array("x".utf8)),
    ] {
      #expect(result.status == 404 && result.code == "NoSuchUpload" && result.xml?["EC"] == "0042-00000104")
    }
    let id = try bench.initiate()
    let part = bench.part(1, of: id, Array("x".utf8))
    #expect(bench.complete(id, [(1, part.etag)]).status == 200)
    #expect(bench.complete(id, [(1, part.etag)]).code == "NoSuchUpload")
    #expect(bench.part(1, of: id, Array("x".utf8)).code == "NoSuchUpload")
    #expect(bench.store.stored(OSSBench.object)?.writes == 1)
    let foreign = bench.store.beginUpload(of: ObjectName(bucket: "outin-1", key: "other"))
    #expect(bench.part(1, of: foreign, Array("x".utf8)).code == "NoSuchUpload")
  }

  @Test func `removing an object's uploads removes their parts, and no others`() throws {
    let bench = try OSSBench()
    let id = try bench.initiate()
    let other = bench.store.beginUpload(of: ObjectName(bucket: "outin-1", key: "other"))
    #expect(bench.part(1, of: id, Array("x".utf8)).status == 200)
    #expect(bench.store.unfinishedUploads(of: OSSBench.object) == 1)
    bench.store.removeUploads(of: OSSBench.object)
    #expect(bench.drafts.isEmpty && bench.store.unfinishedUploads(of: OSSBench.object) == 0)
    #expect(bench.part(2, of: id, Array("x".utf8)).code == "NoSuchUpload")
    #expect(bench.store.upload(other, of: ObjectName(bucket: "outin-1", key: "other")) != nil)
  }

  @Test func `listing and aborting are refused unless the settings allow them`() throws {
    let strict = try OSSBench()
    let hidden = try strict.initiate()
    #expect(strict.send("GET", [("uploadId", hidden)]).code == "AccessDenied")
    #expect(strict.send("DELETE", [("uploadId", hidden)]).code == "AccessDenied")

    let bench = try OSSBench {
      $0.allowsListParts = true
      $0.allowsAbort = true
    }
    let id = try bench.initiate()
    let parts = [3, 1, 2].map { bench.part($0, of: id, sampleBytes(10 + $0)) }
    let all = try #require(bench.send("GET", [("uploadId", id)]).xml)
    #expect(all.children.filter { $0.name == "Part" }.map { $0["PartNumber"] } == ["1", "2", "3"])
    #expect(all.children.filter { $0.name == "Part" }.map { $0["Size"] } == ["11", "12", "13"])
    #expect(all.children.filter { $0.name == "Part" }.map { $0["ETag"] } == [parts[1], parts[2], parts[0]].map(\.etag))
    #expect(all["IsTruncated"] == "false" && all["NextPartNumberMarker"] == "3")
    let page = try #require(
      bench.send("GET", [("uploadId", id), ("part-number-marker", "1"), ("max-parts", "1")]).xml)
    #expect(page.children.filter { $0.name == "Part" }.map { $0["PartNumber"] } == ["2"])
    #expect(page["IsTruncated"] == "true" && page["NextPartNumberMarker"] == "2")
    #expect(bench.send("GET", [("uploadId", id), ("max-parts", "0")]).code == "InvalidArgument")
    #expect(bench.send("DELETE", [("uploadId", id)]).status == 204)
    #expect(bench.drafts.isEmpty)
    #expect(bench.send("DELETE", [("uploadId", id)]).code == "NoSuchUpload")
    #expect(bench.send("GET", [("uploadId", id)]).code == "NoSuchUpload")
  }

  @Test func `keys are encoded when the request asks for that`() throws {
    let bench = try OSSBench()
    let name = ObjectName(bucket: "outin-1", key: "sv/a&b<c>.mp4")
    bench.grant = bench.store.grant(for: name, lifetime: 60, at: bench.clock.now)
    let plain = bench.send("POST", [("uploads", "")], object: name)
    #expect(plain.xml?["Key"] == name.key)
    let encoded = bench.send("POST", [("encoding-type", "url"), ("uploads", "")], object: name)
    #expect(encoded.xml?["Key"] == "sv/a%26b%3Cc%3E.mp4" && encoded.xml?["EncodingType"] == "url")
  }

  @Test func `a list that is no XML, or too long, is refused`() throws {
    let bench = try OSSBench()
    let id = try bench.initiate()
    for body in [[], Array("{}".utf8), Array(repeating: UInt8(ascii: " "), count: PartList.bodyLimit + 1)] {
      #expect(bench.send("POST", [("uploadId", id)], body).code == "MalformedXML")
    }
  }
}

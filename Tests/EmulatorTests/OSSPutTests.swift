import Glibc
import TestSupport
import Testing

@testable import Emulator

/// PutObject, HeadObject, GetObject.
@Suite struct OSSPutTests {
  @Test(arguments: [0, 1, 5, 16_384, 300_000])
  func `a body is stored byte by byte and summed up`(size: Int) throws {
    let bench = try OSSBench()
    let bytes = sampleBytes(size)
    let result = bench.send("PUT", [], bytes)
    #expect(result.status == 200 && result.crc == CRC64.of(bytes))
    #expect(result.etag == "\"\(TextCoding.hex(MD5.of(bytes)).uppercased())\"")
    #expect(result.reply?.answer.header("x-oss-request-id")?.count == 24)
    #expect(result.reply?.answer.header("Date") == "Fri, 02 Jan 2026 03:04:05 GMT")
    #expect(bench.stored == bytes)
    #expect(bench.drafts.isEmpty)
    let stored = bench.store.stored(OSSBench.object)
    #expect(
      stored
        == StoredObject(
          size: size, crc64: CRC64.of(bytes), etag: result.etag, time: OSSVector.time, writes: 1))
  }

  @Test func `an object is replaced, and that is counted`() throws {
    let bench = try OSSBench()
    #expect(bench.send("PUT", [], Array("first".utf8)).status == 200)
    #expect(bench.send("PUT", [], Array("second".utf8)).status == 200)
    #expect(bench.stored == Array("second".utf8))
    #expect(bench.store.stored(OSSBench.object)?.writes == 2)
  }

  @Test func `an object isn't replaced by a request that forbids it`() throws {
    let bench = try OSSBench()
    let forbid = [(name: "x-oss-forbid-overwrite", value: "true")]
    #expect(bench.send("PUT", [], Array("first".utf8), headers: forbid).status == 200)
    let id = try bench.initiate()
    let part = bench.part(1, of: id, Array("second".utf8))
    let list = "<Part><PartNumber>1</PartNumber><ETag>\(part.etag)</ETag></Part>"
    let refused = [
      bench.send("PUT", [], Array("second".utf8), headers: forbid),
      bench.send("POST", [("uploads", "")], headers: forbid),
      bench.send(
        "POST", [("uploadId", id)], Array("<CompleteMultipartUpload>\(list)</CompleteMultipartUpload>".utf8),
        headers: forbid),
    ]
    #expect(refused.map(\.status) == [409, 409, 409] && refused.allSatisfy { $0.code == "FileAlreadyExists" })
    #expect(refused.map { $0.xml?["EC"] } == ["0026-00000002", "0026-00000002", "0042-00000214"])
    #expect(bench.stored == Array("first".utf8))
  }

  @Test func `HEAD and GET report size, checksums and time, and GET sends the file`() throws {
    let bench = try OSSBench()
    #expect(bench.send("HEAD").status == 404)
    let missing = bench.send("GET")
    #expect(missing.code == "NoSuchKey" && missing.xml?["EC"] == "0026-00000001")
    let put = bench.send("PUT", [], sampleBytes(1000))
    for method in ["HEAD", "GET"] {
      let result = bench.send(method)
      #expect(result.status == 200 && result.etag == put.etag && result.crc == put.crc)
      #expect(result.reply?.answer.header("x-oss-object-type") == "Normal")
      #expect(result.reply?.answer.header("Last-Modified") == "Fri, 02 Jan 2026 03:04:05 GMT")
      #expect(result.reply?.answer.file?.size == 1000)
    }
  }

  @Test func `the error of a HEAD is in a header`() throws {
    let bench = try OSSBench()
    let result = bench.send("HEAD")
    let text = result.reply?.answer.header("x-oss-err").flatMap { TextCoding.bytes(base64: $0) }
    #expect(text.flatMap { XMLElement($0) }?["Code"] == "NoSuchKey")
    #expect(result.reply?.answer.header("x-oss-ec") == "0026-00000001")
  }

  @Test func `a body that doesn't match its Content-MD5 is refused and not stored`() throws {
    let bench = try OSSBench()
    let bytes = Array("content".utf8)
    let right = TextCoding.base64(MD5.of(bytes))
    #expect(bench.send("PUT", [], bytes, headers: [("content-md5", right)]).status == 200)
    for wrong in [TextCoding.base64(MD5.of([])), "x", ""] {
      let result = bench.send("PUT", [], Array("other".utf8), headers: [("content-md5", wrong)])
      #expect(result.status == 400 && result.code == "InvalidDigest")
    }
    #expect(bench.stored == bytes && bench.store.stored(OSSBench.object)?.writes == 1)
  }

  @Test func `a Content-MD5 is checked even if the ETag isn't an MD5`() throws {
    let bench = try OSSBench { $0.etag = .crc }
    let bytes = Array("content".utf8)
    #expect(bench.send("PUT", [], bytes, headers: [("content-md5", TextCoding.base64(MD5.of(bytes)))]).status == 200)
    #expect(bench.send("PUT", [], bytes, headers: [("content-md5", "x")]).code == "InvalidDigest")
    let one = bench.send("PUT", [], bytes).etag
    let other = bench.send("PUT", [], Array("contents".utf8)).etag
    #expect(one.utf8.count == 34 && other.utf8.count == 34 && one != other)
  }

  @Test func `more than 5 GB at once is refused by its Content-Length`() throws {
    let bench = try OSSBench()
    let result = bench.send("PUT") { $0.set("content-length", String((5 << 30) + 1)) }
    #expect(result.status == 400 && result.code == "EntityTooLarge")
    #expect(bench.send("PUT", [], Array("small".utf8)).status == 200)
  }

  @Test func `a body that ends early leaves nothing behind`() throws {
    let bench = try OSSBench()
    do {
      var request = OSSDraft("PUT", object: OSSBench.object, body: sampleBytes(1000))
        .signed(by: bench.grant, at: bench.clock.now)
      request.body = []
      let sink = bench.service.begin(request)
      _ = sampleBytes(500).withUnsafeBytes { sink.take($0) }
      #expect(bench.drafts.count == 1)
    }
    #expect(bench.drafts.isEmpty && bench.stored == nil)
    #expect(bench.results == ["broken off"])
    #expect(bench.service.log.recent.first?.size == 500)
  }

  @Test func `links in the objects' directory aren't followed`() throws {
    let bench = try OSSBench()
    #expect(bench.send("PUT", [], Array("one".utf8)).status == 200)
    let bucket = bench.directory.path("objects/\(OSSBench.object.bucket)")
    #expect(rename("\(bucket)/sv", bench.directory.path("outside")) == 0)
    #expect(symlink(bench.directory.path("outside"), "\(bucket)/sv") == 0)
    let result = bench.send("PUT", [], Array("two".utf8))
    #expect(result.status == 500 && result.code == "InternalError")
    #expect(fileBytes(bench.directory.path("outside/1/clip.mp4")) == Array("one".utf8))
    #expect(bench.send("GET").status == 500)
  }

  @Test func `unknown operations are refused as such`() throws {
    let bench = try OSSBench()
    let result = bench.send("PUT", [("acl", "")])
    #expect(result.status == 501 && result.code == "NotImplemented")
    #expect(result.xml?["HostId"] == "127.0.0.1:443" && result.xml?["RequestId"]?.utf8.count == 24)
    let bare = bench.send("PUT", object: ObjectName(bucket: "UPPER", key: "a"))
    #expect(bare.status == 400 && bare.code == "InvalidBucketName")
    #expect(bench.results == ["NotImplemented", "InvalidBucketName"])
  }
}

extension Request {
  mutating func set(_ name: String, _ value: String?) {
    headers.removeAll { $0.name == name }
    if let value { headers.append(.init(name: name, value: value)) }
  }
}

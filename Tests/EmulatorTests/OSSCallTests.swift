import Testing

@testable import Emulator

/// The parsing of addresses.
@Suite struct OSSCallTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let host: String
    let target: String
    /// Bucket and key; nil for a refusal.
    let object: ObjectName?
    var code = ""

    var testDescription: String { "\(host)\(target)" }
  }

  @Test(arguments: [
    Case(host: "127.0.0.1:443", target: "/outin-1/a.mp4", object: ObjectName(bucket: "outin-1", key: "a.mp4")),
    Case(host: "127.0.0.1", target: "/outin-1/sv/a.mp4?x=/y", object: ObjectName(bucket: "outin-1", key: "sv/a.mp4")),
    Case(host: "localhost:1", target: "/outin-1/sv%2Fa.mp4", object: ObjectName(bucket: "outin-1", key: "sv/a.mp4")),
    Case(host: "[::1]:443", target: "/outin-1/a", object: ObjectName(bucket: "outin-1", key: "a")),
    Case(
      host: "outin-1.oss-cn-shanghai.aliyuncs.com", target: "/outin-1/a",
      object: ObjectName(bucket: "outin-1", key: "outin-1/a")),
    Case(
      host: "outin-1.oss-cn-shanghai.aliyuncs.com:443", target: "/sv/%E7%9B%AE/a%20b+c%2B",
      object: ObjectName(bucket: "outin-1", key: "sv/目/a b+c+")),
    Case(host: "127.0.0.1", target: "/outin-1/a%2e%2e/b", object: ObjectName(bucket: "outin-1", key: "a../b")),
    Case(host: "127.0.0.1", target: "/outin-1/.hidden", object: ObjectName(bucket: "outin-1", key: ".hidden")),
    Case(host: "127.0.0.1", target: "/outin-1/../x", object: nil, code: "InvalidObjectName"),
    Case(host: "127.0.0.1", target: "/outin-1/a/%2e%2E/x", object: nil, code: "InvalidObjectName"),
    Case(host: "127.0.0.1", target: "/outin-1/a/..", object: nil, code: "InvalidObjectName"),
    Case(host: "127.0.0.1", target: "/outin-1/./a", object: nil, code: "InvalidObjectName"),
    Case(host: "127.0.0.1", target: "/outin-1//a", object: nil, code: "InvalidObjectName"),
    Case(host: "127.0.0.1", target: "/outin-1/%2Fetc/passwd", object: nil, code: "InvalidObjectName"),
    Case(host: "127.0.0.1", target: "/outin-1/a%00b", object: nil, code: "InvalidObjectName"),
    Case(host: "127.0.0.1", target: "/outin-1/a/", object: nil, code: "InvalidObjectName"),
    Case(host: "127.0.0.1", target: "/outin-1/%5Ca", object: nil, code: "InvalidObjectName"),
    Case(host: "127.0.0.1", target: "/outin-1/%zz", object: nil, code: "InvalidObjectName"),
    Case(host: "127.0.0.1", target: "/outin-1/%ff", object: nil, code: "InvalidObjectName"),
    Case(
      host: "127.0.0.1", target: "/outin-1/" + String(repeating: "a", count: 256), object: nil,
      code: "InvalidObjectName"),
    Case(
      host: "127.0.0.1", target: "/outin-1/" + String(repeating: "abc/", count: 256), object: nil,
      code: "InvalidObjectName"),
    Case(host: "127.0.0.1", target: "/.uploads/x", object: nil, code: "InvalidBucketName"),
    Case(host: "127.0.0.1", target: "/..%2Fouter/x", object: nil, code: "InvalidBucketName"),
    Case(host: "127.0.0.1", target: "/Outin/x", object: nil, code: "InvalidBucketName"),
    Case(host: "127.0.0.1", target: "/-outin/x", object: nil, code: "InvalidBucketName"),
    Case(host: "127.0.0.1", target: "/ab/x", object: nil, code: "InvalidBucketName"),
    Case(host: "127.0.0.1", target: "/", object: nil, code: "InvalidBucketName"),
    Case(host: "127.0.0.1", target: "*", object: nil, code: "InvalidObjectName"),
  ])
  func `an address is read in both styles, and one that would leave the directory is refused`(_ row: Case) throws {
    let request = Request(method: "PUT", target: row.target, headers: [.init(name: "Host", value: row.host)])
    if let object = row.object {
      let call = try OSSCall(request)
      #expect(call.object == object && call.operation == .putObject || row.target.contains("?"))
    } else {
      let refusal = #expect(throws: OSSRefusal.self) { try OSSCall(request) }
      #expect(refusal?.code == row.code)
    }
  }

  @Test(arguments: [
    ("PUT", "", "PutObject"), ("PUT", "?partNumber=1&uploadId=U", "UploadPart"),
    ("POST", "?uploads", "InitiateMultipartUpload"),
    ("POST", "?uploads=", "InitiateMultipartUpload"),
    ("POST", "?uploadId=U&encoding-type=url", "CompleteMultipartUpload"),
    ("GET", "", "GetObject"), ("HEAD", "?objectMeta", "HeadObject"), ("GET", "?uploadId=U&max-parts=5", "ListParts"),
    ("DELETE", "?uploadId=U", "AbortMultipartUpload"), ("PUT", "?acl", "none"), ("PUT", "?uploadId=U", "none"),
    ("POST", "", "none"), ("DELETE", "", "DeleteObject"), ("PATCH", "", "none"), ("POST", "?append&position=0", "none"),
  ])
  func `method and parameters decide the operation`(method: String, query: String, operation: String) throws {
    let request = Request(
      method: method, target: "/outin-1/a\(query)", headers: [.init(name: "Host", value: "127.0.0.1")])
    #expect(try OSSCall(request).operation?.rawValue ?? "none" == operation)
  }

  @Test(arguments: [
    ("GET", "", "ListObjects"), ("GET", "?prefix=a&max-keys=5&encoding-type=url", "ListObjects"),
    ("GET", "?list-type=2&continuation-token=x", "ListObjectsV2"), ("GET", "?location=", "GetBucketLocation"),
    ("HEAD", "", "HeadBucket"), ("PUT", "", "PutBucket"), ("DELETE", "", "none"), ("GET", "?lifecycle", "none"),
    ("POST", "?delete", "none"),
  ])
  func `a request to a bucket has operations of its own`(method: String, query: String, operation: String) throws {
    for path in ["/outin-1", "/outin-1/"] {
      let request = Request(method: method, target: path + query, headers: [.init(name: "Host", value: "127.0.0.1")])
      let call = try OSSCall(request)
      #expect(call.object == ObjectName(bucket: "outin-1", key: ""))
      #expect(call.operation?.rawValue ?? "none" == operation)
    }
  }

  @Test func `a copy isn't among the operations`() throws {
    let request = Request(
      method: "PUT", target: "/outin-1/a",
      headers: [.init(name: "Host", value: "127.0.0.1"), .init(name: "x-oss-copy-source", value: "/outin-1/b")])
    #expect(try OSSCall(request).operation == nil)
  }
}

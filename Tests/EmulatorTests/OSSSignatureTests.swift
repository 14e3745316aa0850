import Testing

@testable import Emulator

@Suite struct OSSSignatureTests {
  @Test func `the vectors are all there`() {
    #expect(OSSVector.v4.count == 4)
    #expect(OSSVector.v1.count == 4)
  }

  @Test(arguments: OSSVector.v4 + OSSVector.v1)
  func `requests signed by oss2 are accepted`(_ vector: OSSVector) throws {
    #expect(try ossAuthentication(vector.request, of: vector.grant) == vector.grant)
  }

  @Test(arguments: OSSVector.v4 + OSSVector.v1)
  func `a wrong secret is refused with our string to sign`(_ vector: OSSVector) throws {
    let wrong = UploadGrant(
      keyID: vector.grant.keyID, secret: vector.grant.secret + "x", token: vector.grant.token,
      object: vector.grant.object, expires: vector.grant.expires, region: vector.grant.region)
    let refusal = try #require(throws: OSSRefusal.self) { try ossAuthentication(vector.request, of: wrong) }
    #expect(refusal.code == "SignatureDoesNotMatch" && refusal.status == 403)
    let details = Dictionary(uniqueKeysWithValues: refusal.details.map { ($0.name, $0.value) })
    #expect(details["StringToSign"] == vector.stringToSign)
    #expect(details["CanonicalRequest"] ?? "" == vector.canonicalRequest)
  }

  @Test(arguments: OSSVector.v4 + OSSVector.v1)
  func `a changed byte of a signed part is refused`(_ vector: OSSVector) throws {
    for index in vector.request.target.utf8.indices.dropFirst() {
      try expectRefusal(of: vector) { $0.target = changed($0.target, at: index) }
    }
    try expectRefusal(of: vector) { $0.method = "POST" }
    for (place, header) in vector.request.headers.enumerated() where Self.isSigned(header.name) {
      for index in header.value.utf8.indices {
        try expectRefusal(of: vector) { request in
          request.headers[place] = .init(name: header.name, value: changed(header.value, at: index))
        }
      }
    }
  }

  @Test(arguments: OSSVector.v4 + OSSVector.v1)
  func `a signed header that is added, dropped or doubled is refused`(_ vector: OSSVector) throws {
    try expectRefusal(of: vector) { $0.headers.append(.init(name: "x-oss-forbid-overwrite", value: "true")) }
    for (place, header) in vector.request.headers.enumerated() where Self.isSigned(header.name) {
      try expectRefusal(of: vector) { $0.headers.remove(at: place) }
      // V1 takes the first of Content-Type and similar headers, like a server that ignores a second one.
      if header.name.lowercased().hasPrefix("x-oss-") || header.name.lowercased() == "authorization" {
        try expectRefusal(of: vector) { $0.headers.append(header) }
      }
    }
  }

  @Test(arguments: OSSVector.v4)
  func `a header that isn't signed may be anything`(_ vector: OSSVector) throws {
    var request = vector.request
    request.headers.append(.init(name: "X-Forwarded-For", value: "10.0.0.1"))
    #expect(throws: Never.self) { try ossAuthentication(request, of: vector.grant) }
  }

  /// Signed again by the steps of the vendor's page, independently of the tested check.
  @Test func `the operations' parameters are signed without an equals sign when they are empty, however they are sent`()
    throws
  {
    for target in ["?uploads", "?uploads="] {
      var draft = OSSDraft("POST", object: OSSDraft.object)
      draft.query = [("uploads", "")]
      var request = draft.signed(by: OSSDraft.grant, at: OSSVector.time)
      request.target = "/\(OSSDraft.object.bucket)/\(OSSDraft.object.key)\(target)"
      #expect(throws: Never.self) { try ossAuthentication(request, of: OSSDraft.grant) }
    }
  }

  @Test func `an additional header is signed, must be there, and only once`() throws {
    var draft = OSSDraft("PUT", object: OSSDraft.object)
    draft.headers = [("cache-control", "no-cache"), ("range", "bytes=0-1")]
    draft.additional = ["cache-control", "range"]
    let request = draft.signed(by: OSSDraft.grant, at: OSSVector.time)
    #expect(throws: Never.self) { try ossAuthentication(request, of: OSSDraft.grant) }
    for name in draft.additional {
      var without = request
      without.headers.removeAll { $0.name == name }
      #expect(throws: OSSRefusal.self) { try ossAuthentication(without, of: OSSDraft.grant) }
      var twice = request
      twice.headers.append(.init(name: name, value: "no-cache"))
      #expect(throws: OSSRefusal.self) { try ossAuthentication(twice, of: OSSDraft.grant) }
    }
  }

  @Test func `a signed URL is accepted until its end, and refused when a byte of it is changed`() throws {
    let grant = OSSDraft.grant
    let url = grant.url(for: "PUT", at: "127.0.0.1:443", expiresSeconds: 60, now: OSSVector.time)
    let request = Request(
      method: "PUT", target: String(url.dropFirst("https://127.0.0.1:443".count)),
      headers: [.init(name: "Host", value: "127.0.0.1:443")])
    #expect(throws: Never.self) { try ossAuthentication(request, of: grant) }
    for index in request.target.utf8.indices.dropFirst() {
      var other = request
      other.target = changed(request.target, at: index)
      #expect(throws: OSSRefusal.self, "\(other.target)") { try ossAuthentication(other, of: grant) }
    }
    let store = ObjectStore(directory: "/nowhere")
    store.add(grant)
    let gateway = OSSGateway(store: store, settings: OSSSettings())
    let call = try OSSCall(request)
    let signature = try OSSSignature(call)
    #expect(throws: Never.self) {
      try gateway.authenticate(call, signedBy: signature, at: OSSVector.time.advanced(bySeconds: 60))
    }
    let refusal = #expect(throws: OSSRefusal.self) {
      try gateway.authenticate(call, signedBy: signature, at: OSSVector.time.advanced(bySeconds: 61))
    }
    #expect(refusal?.code == "AccessDenied")
  }

  private static func isSigned(_ name: String) -> Bool {
    let name = name.lowercased()
    return ["authorization", "content-type", "content-md5", "date"].contains(name) || name.hasPrefix("x-oss-")
  }

  private func expectRefusal(of vector: OSSVector, _ change: (inout Request) -> Void) throws {
    var request = vector.request
    change(&request)
    #expect(throws: OSSRefusal.self, "\(request.method) \(request.target) \(request.headers)") {
      try ossAuthentication(request, of: vector.grant)
    }
  }
}

/// With one bit of the byte at `index` changed.
private func changed(_ text: String, at index: String.Index) -> String {
  var bytes = Array(text.utf8)
  bytes[text.utf8.distance(from: text.startIndex, to: index)] ^= 1
  return String(decoding: bytes, as: UTF8.self)
}

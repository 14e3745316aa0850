import Testing

@testable import Emulator

@Suite struct SignatureVectorTests {
  @Test func `the vectors are all there`() {
    #expect(CloudVector.v1.count == 28)
    #expect(CloudVector.v3.count == 15)
    #expect(CloudVector.divergent.count == 2)
    #expect(CloudVector.unsigned.count == 2)
  }

  @Test(arguments: CloudVector.v1 + CloudVector.v3)
  func `requests signed by the official packages are accepted`(_ vector: CloudVector) throws {
    var service = try vector.service()
    #expect(throws: Never.self) { try service.authenticate(vector.request, at: vector.time) }
  }

  @Test(arguments: CloudVector.v1 + CloudVector.v3)
  func `an STS operation among them is answered`(_ vector: CloudVector) throws {
    let call = try #require(Call(vector.request))
    guard call.service == .sts, ["AssumeRole", "GetCallerIdentity"].contains(call.action) else { return }
    var service = try vector.service()
    let answer = service.handle(vector.request, at: try vector.time).answer
    let text = String(decoding: answer.body, as: UTF8.self)
    #expect(answer.status == 200)
    #expect(call.format == .json ? PolicyValue(json: text) != nil : text.hasPrefix("<?xml"))
    #expect(text.contains(call.action == "AssumeRole" ? "SecurityToken" : "PrincipalId"))
  }

  @Test func `a VOD operation among them is carried out, or refused for the emoji in its title`() throws {
    let vectors = (CloudVector.v1 + CloudVector.v3).filter { Call($0.request)?.service == .vod }
    let answers = try vectors.map { vector in
      var service = try vector.service()
      return String(decoding: service.handle(vector.request, at: try vector.time).answer.body, as: UTF8.self)
    }
    #expect(answers.map { $0.contains("UploadAuth") } == [false, true, false])
    #expect(answers.map { $0.contains("IllegalCharacters") } == [true, false, true])
  }

  @Test(arguments: CloudVector.v1 + CloudVector.v3)
  func `a wrong secret is refused with our string to sign`(_ vector: CloudVector) throws {
    let wrong = CloudVector(vector, secret: vector.secret + "x")
    var service = try wrong.service()
    let refusal = Refusal(
      status: 400, code: "SignatureDoesNotMatch",
      message: "Specified signature is not matched with our calculation. server string to sign is:"
        + vector.stringToSign)
    #expect(throws: refusal) { try service.authenticate(vector.request, at: vector.time) }
  }

  @Test(arguments: CloudVector.divergent)
  func `a client that signs a blank as plus is refused with the string of the documented rule`(
    _ vector: CloudVector
  ) throws {
    var service = try vector.service()
    let refusal = Refusal.signatureMismatch(stringToSign: vector.stringToSign)
    #expect(throws: refusal) { try service.authenticate(vector.request, at: vector.time) }
  }

  @Test(arguments: CloudVector.unsigned)
  func `an anonymous request is refused`(_ vector: CloudVector) throws {
    var service = Cloud(model: AccountModel(), store: TestStore())
    let time = try #require(WallTime("2026-01-02T03:04:05Z"))
    #expect(throws: Refusal.missing("AccessKeyId")) { try service.authenticate(vector.request, at: time) }
  }
}

/// Every one-byte change of the signed parts, and every parameter and header dropped, doubled or added.
@Suite struct SignatureMutationTests {
  @Test(arguments: CloudVector.v1)
  func `a V1 request is refused after any change to a signed byte`(_ vector: CloudVector) throws {
    let signed = try #require(Call(vector.request)).parameters
    try expectRefused(vector, targets(of: vector) + bodies(of: vector) + methods(of: vector)) { mutant in
      // A change that decodes to the same parameters, such as %2f for %2F, doesn't count.
      Call(mutant).map { Self.equal($0.parameters, signed) } ?? false
    }
  }

  @Test(arguments: CloudVector.v3)
  func `a V3 request is refused after any change to a signed byte`(_ vector: CloudVector) throws {
    let query = try #require(Parameters(decoding: vector.request.query.utf8))
    let path = vector.request.path
    try expectRefused(
      vector, targets(of: vector) + bodies(of: vector) + methods(of: vector) + headers(of: vector)
    ) { mutant in
      mutant.method == vector.request.method && mutant.body == vector.request.body
        && mutant.path == path && Self.headers(of: mutant) == Self.headers(of: vector.request)
        && Parameters(decoding: mutant.query.utf8).map { Self.equal($0, query) } ?? false
    }
  }

  @Test(arguments: CloudVector.v1)
  func `a V1 request is refused with a parameter more, less or twice`(_ vector: CloudVector) throws {
    let pairs = vector.request.query.split(separator: "&").map(String.init)
    var queries = pairs.indices.map { index in
      pairs.enumerated().filter { $0.offset != index }.map(\.element)
    }
    queries += pairs.map { pairs + [$0] } + [pairs + ["Extra=1"], pairs + ["Extra="]]
    try expectRefused(vector, queries.map { vector.request.with(target: "/?" + $0.joined(separator: "&")) })
  }

  @Test(arguments: CloudVector.v3)
  func `a V3 request is refused with a header or parameter more, less or twice`(_ vector: CloudVector) throws {
    let signed = try #require(vector.request.header("authorization").flatMap(ACS3Authorization.init)).signedHeaders
    let headers = vector.request.headers
    var mutants: [Request] = []
    for header in headers where signed.contains(header.name.lowercased()) {
      mutants.append(vector.request.with(headers: headers.filter { $0.name != header.name }))
      mutants.append(vector.request.with(headers: headers + [header]))
    }
    mutants.append(vector.request.with(headers: headers + [.init(name: "x-acs-extra", value: "1")]))
    mutants.append(vector.request.with(headers: headers.filter { $0.name.lowercased() != "authorization" }))
    mutants.append(
      vector.request.with(target: vector.request.target + (vector.request.query.isEmpty ? "?x=1" : "&x=1")))
    mutants.append(vector.request.with(target: "/x" + vector.request.target))
    try expectRefused(vector, mutants)
  }

  private func expectRefused(
    _ vector: CloudVector, _ mutants: [Request], unless isSame: (Request) -> Bool = { _ in false }
  ) throws {
    let time = try vector.time
    let pristine = try vector.service()
    #expect(!mutants.isEmpty)
    // One #expect for each of them would take most of the time.
    let accepted = mutants.filter { mutant in
      var service = pristine
      return !isSame(mutant) && (try? service.authenticate(mutant, at: time)) != nil
    }
    for mutant in accepted { Issue.record("accepted: \(mutant.method) \(mutant.target) \(mutant.headers)") }
  }

  private func methods(of vector: CloudVector) -> [Request] {
    [vector.request.method == "GET" ? "POST" : "GET", "PUT", ""].map { vector.request.with(method: $0) }
  }

  private func targets(of vector: CloudVector) -> [Request] {
    changes(to: Array(vector.request.target.utf8)).compactMap { bytes in
      String(validating: bytes, as: UTF8.self).map { vector.request.with(target: $0) }
    }
  }

  private func bodies(of vector: CloudVector) -> [Request] {
    changes(to: vector.request.body).map { vector.request.with(body: $0) }
  }

  private func headers(of vector: CloudVector) -> [Request] {
    let names = vector.request.header("authorization").flatMap(ACS3Authorization.init)?.signedHeaders ?? []
    return vector.request.headers.enumerated().flatMap { index, header -> [Request] in
      let name = header.name.lowercased()
      guard names.contains(name) || name == "authorization" else { return [] }
      return changes(to: Array(header.value.utf8)).map { bytes in
        var headers = vector.request.headers
        headers[index] = .init(name: header.name, value: String(decoding: bytes, as: UTF8.self))
        return vector.request.with(headers: headers)
      }
    }
  }

  /// Each byte with its lowest bit changed; for long texts only some bytes, including the ends, so that a suite takes seconds.
  private func changes(to bytes: [UInt8]) -> [[UInt8]] {
    let step = max(1, bytes.count / 60)
    let places = Set(stride(from: 0, to: bytes.count, by: step)).union(bytes.indices.suffix(8))
    return places.map { place in
      var changed = bytes
      changed[place] ^= 1
      return changed
    }
  }

  private static func equal(_ left: Parameters, _ right: Parameters) -> Bool {
    func sorted(_ parameters: Parameters) -> [[[UInt8]]] {
      parameters.pairs.map { [Array($0.name.utf8), Array($0.value.utf8)] }
        .sorted { $0[0].lexicographicallyPrecedes($1[0]) }
    }
    return sorted(left) == sorted(right)
  }

  /// Names in lower case, values without surrounding blanks.
  private static func headers(of request: Request) -> [[String]] {
    request.headers.map { [$0.name.lowercased(), trimmed($0.value)] }
  }
}

extension CloudVector {
  init(_ other: CloudVector, secret: String) {
    name = other.name
    keyID = other.keyID
    self.secret = secret
    stringToSign = other.stringToSign
    request = other.request
  }
}

extension Request {
  func with(
    method: String? = nil, target: String? = nil, headers: [Header]? = nil, body: [UInt8]? = nil
  ) -> Request {
    Request(
      method: method ?? self.method, target: target ?? self.target, headers: headers ?? self.headers,
      body: body ?? self.body)
  }
}

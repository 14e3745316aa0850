/// Writes the answers of OSS to one request.
struct OSSAnswer {
  private let request: Request
  private let requestID = TextCoding.upperHex(Digests.random(12))

  init(_ request: Request) { self.request = request }

  func empty(status: Int = 200, _ headers: [(name: String, value: String)] = []) -> Answer {
    Answer(status: status, headers: [general[0], general[1]] + headers.map(Request.Header.init), body: [])
  }

  func document(_ root: String, _ fields: Fields, _ headers: [(name: String, value: String)] = []) -> Answer {
    var answer = empty(headers)
    answer.headers.append(.init(name: "Content-Type", value: "application/xml"))
    answer.body = Array(Self.xml(root, fields).utf8)
    return answer
  }

  /// A document with a text in its only element.
  func document(_ root: String, text: String) -> Answer {
    var answer = document(root, [:])
    answer.body = Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<\(root)>\(Field.text(text).xml)</\(root)>\n".utf8)
    return answer
  }

  func error(_ refusal: OSSRefusal) -> Answer {
    var fields: Fields = [
      "Code": .text(refusal.code), "Message": .text(refusal.message), "RequestId": .text(requestID),
      "HostId": .text(request.header("host") ?? ""),
    ]
    for detail in refusal.details { fields.append(detail.name, .text(detail.value)) }
    fields.append("EC", .text(refusal.ec))
    fields.append("RecommendDoc", .text("https://api.aliyun.com/troubleshoot?q=\(refusal.ec)"))
    var answer = document("Error", fields, [("x-oss-ec", refusal.ec)])
    answer.status = refusal.status
    // An answer to HEAD has no body; alibabacloud-oss-v2 1.4.1 reads the error from here.
    if request.method == "HEAD" {
      answer.headers.append(.init(name: "x-oss-err", value: TextCoding.base64(answer.body)))
    }
    return answer
  }

  private var general: [Request.Header] {
    [.init(name: "Server", value: "AliyunOSS"), .init(name: "x-oss-request-id", value: requestID)]
  }

  private static func xml(_ root: String, _ fields: Fields) -> String {
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<\(root)>\(fields.xml)</\(root)>\n"
  }
}

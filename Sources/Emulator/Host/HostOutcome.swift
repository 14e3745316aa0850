/// The answer of a service of a host, before faults change it.
struct HostOutcome: Sendable {
  enum Content: Sendable {
    case text(String)
    case document(Fields)
  }

  let status: Int
  var content: Content
  /// Its result among the counted calls.
  let result: String

  init(_ content: Content) {
    status = 200
    self.content = content
    result = "OK"
  }

  init(status: Int, _ text: String) {
    self.status = status
    content = .text(text)
    result = String(status)
  }

  init(status: Int, code: String, message: String) {
    self.status = status
    content = .document(["Code": .text(code), "Message": .text(message)])
    result = code
  }

  var answer: Answer {
    let (text, type) =
      switch content {
      case .text(let text): (text, "text/plain; charset=utf-8")
      case .document(let fields): (fields.json, "application/json;charset=utf-8")
      }
    return Answer(status: status, headers: [.init(name: "Content-Type", value: type)], body: Array(text.utf8))
  }
}

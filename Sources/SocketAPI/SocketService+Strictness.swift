import Core
import HTTPServer
import Settings
import Wire

/// The methods and query parameters of a path. Anything else is refused with a hint what to write instead, since a request that
/// does something else than it says is worse than one that does nothing.
extension SocketService {
  /// The problem of a request that isn't a GET or HEAD, or that has other query parameters than `parameters`; nil if there is none.
  func get(
    _ request: borrowing RequestHead, taking parameters: @autoclosure () -> [StaticString] = []
  ) -> Response? {
    switch request.method {
    case .get, .head: unknownParameter(request, parameters())
    default: Self.wrongMethod(allow: "GET, HEAD")
    }
  }

  /// The problem of a request that isn't a POST, or that has other query parameters than `parameters`; nil if there is none.
  func post(_ request: borrowing RequestHead, taking parameters: [StaticString] = []) -> Response? {
    request.method == .post ? unknownParameter(request, parameters) : Self.wrongMethod(allow: "POST")
  }

  private static func wrongMethod(allow methods: String) -> Response {
    Answer.problem(
      Problem(.methodNotAllowed, detail: "this path takes \(methods)"), fields: "Allow: \(methods)\r\n")
  }

  private func unknownParameter(
    _ request: borrowing RequestHead, _ known: @autoclosure () -> [StaticString]
  ) -> Response? {
    if request.queryCount == 0 { return nil }
    let known = known()
    guard let name = request.queryName(besides: known) else { return nil }
    let names = known.map { "\($0)" }
    let remedy =
      if names.isEmpty {
        "this path takes none"
      } else if let near = Spelling.nearest(to: String(name.prefix(64)), among: names) {
        "did you mean '\(near)'?"
      } else {
        "this path takes \(names.map { "'\($0)'" }.joined(separator: " and "))"
      }
    return Answer.problem(
      Problem(.malformed, detail: "unknown query parameter '\(RefusedValue.shown(name))'; \(remedy)"))
  }
}

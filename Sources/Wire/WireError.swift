/// Why a document of the socket can't be read: it is a different one than expected, or incomplete.
package enum WireError: Error, Hashable, CustomStringConvertible {
  case notJSON(reason: String, offset: Int)
  case missing(String)
  case malformed(String)

  package var description: String {
    switch self {
    case .notJSON(let reason, let offset): "the answer is not JSON: \(reason) (byte \(offset))"
    case .missing(let field): "the answer lacks '\(field)'"
    case .malformed(let field): "the answer has something unexpected in '\(field)'"
    }
  }
}

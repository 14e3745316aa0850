package import Core
package import Secrets

/// A request to be sent.
///
/// Its headers may contain a signature, so it prints only its destination.
package struct HTTPRequest: CustomStringConvertible, CustomReflectable {
  package enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case delete = "DELETE"
  }

  package enum Body {
    /// A request other than GET then has a Content-Length of 0.
    case empty
    case bytes([UInt8])
    case stream(BodyStream)
  }

  package var method: Method
  /// `https://…`.
  package var url: String
  /// Each a whole line, `name: value`.
  package var headers: TextLines
  /// Further headers, whose values never are Strings.
  package var secretHeaders: [(name: String, value: Secret)]
  package var body: Body
  /// Names of header fields to keep from the answer, in lower case; each value is at most 256 printable ASCII characters.
  package var keptFields: [StaticString] = []
  /// Whether a new connection is made for it. Then libcurl doesn't repeat the request by itself, as it does if a kept-alive
  /// connection turns out to be closed.
  package var needsFreshConnection = false
  /// How long the request may stall, a second at least, with no limit for the whole; nil to use the client's limit for the whole.
  package var stallTimeout: Duration?

  package init(
    _ method: Method, _ url: String, headers: TextLines = [],
    secretHeaders: [(name: String, value: Secret)] = [], body: Body = .empty
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.secretHeaders = secretHeaders
    self.body = body
  }

  package var description: String { "\(method.rawValue) https://\(url.urlAuthority ?? "")" }
  package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// A body that is read piece by piece while it is sent, up to `HTTPClient.Settings.uploadBuffer` at a time, so that it may be
/// larger than memory.
package struct BodyStream {
  /// Reads bytes of the body from `offset` on into `room`; returns how many, at least 1, or nil if they can't be read, which ends
  /// the request.
  package typealias Read = (_ offset: Int, _ room: UnsafeMutableRawBufferPointer) -> Int?

  /// The body's size in bytes, which is its Content-Length.
  package let length: Int
  let read: Read

  /// `read` is called from the loop, with ascending offsets below `length`. It starts at 0 again if libcurl repeats a request on
  /// another connection.
  package init(length: Int, read: @escaping Read) {
    precondition(length >= 0, "a body of less than no bytes")
    self.length = length
    self.read = read
  }
}

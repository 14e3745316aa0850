/// Requests and answers of these tests.
enum Text {
  static let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
  static let later = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
  static let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
  static let helloAndClose = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
}

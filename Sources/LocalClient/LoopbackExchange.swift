internal import Core
import Glibc

/// One request to the daemon's loopback address, over a connection that the caller has made.
package enum LoopbackExchange {
  /// GET of `target`, a path with its query. `host` is the Host header, by which errors name the place, too. Takes over `descriptor`, a
  /// connected socket, and closes it.
  ///
  /// An answer of more than 4 MiB is refused: anybody can listen at an address where the daemon doesn't.
  package static func get(
    _ target: String, host: String, over descriptor: CInt, timeout: Duration
  ) throws(LocalClientError) -> LocalClient.Answer {
    let deadline = Deadline(after: timeout)
    let connection = LocalConnection(descriptor, to: host, deadline: deadline, timeout: timeout)
    try connection.send("GET \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
    let pending = PendingAnswer(connection)
    while true {
      if let answer = try pending.read() { return answer }
      try connection.awaitInput()
    }
  }
}

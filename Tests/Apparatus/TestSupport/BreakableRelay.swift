/// A place on the way to a server that a test can close: a relay to one port of 127.0.0.1, or an HTTP proxy that opens tunnels.
///
/// Whatever changes ends the connections there are, so that a client's kept ones don't hide it.
package final class BreakableRelay {
  /// What it does with new connections.
  package enum Mode: Hashable, Sendable {
    /// Passes on what comes.
    case open
    /// Nobody listens at its port.
    case refuse
    /// Takes connections and says nothing on them.
    case silent
    /// Ends each connection at its first bytes.
    case cut
    /// Answers with what is no TLS and no HTTP.
    case garbage
    /// Passes a TLS 1.3 request on and ends the connection before the answer.
    case cutAnswer
    /// Passes a TLS 1.3 request on and keeps the answer back.
    case holdAnswer
    /// A proxy's: answers every CONNECT with this status.
    case answer(Int)
    /// A proxy's: answers every CONNECT with this status and `Retry-After`.
    case later(Int, retryAfter: String)
    /// A proxy's: opens tunnels for this user, and asks all others who they are (407).
    case password(user: String, password: String)
    /// A proxy's: opens no tunnel to hosts whose name has this in it, as if they couldn't be reached (502).
    case without(String)

    fileprivate var words: String {
      switch self {
      case .open, .refuse, .silent, .cut, .garbage, .cutAnswer, .holdAnswer: "\(self)"
      case .answer(let status): "answer \(status)"
      case .later(let status, let retryAfter): "later \(status) \(retryAfter)"
      case .password(let user, let password): "password \(user):\(password)"
      case .without(let name): "without \(name)"
      }
    }
  }

  package let port: UInt16
  /// A socket's path: at a port of its own, whatever calls a port that was somebody else's a moment ago would disturb it.
  private let control: String
  private let child: ChildProcess

  package var endpoint: String { "127.0.0.1:\(port)" }

  /// An HTTP proxy whose tunnels all end at `port`, whatever host they are for: so a daemon calls the emulator by the names that the
  /// cloud's endpoints have.
  package convenience init(tunnelsTo port: UInt16, in directory: TemporaryDirectory, named name: String) throws {
    try self.init(as: "proxy:\(port)", in: directory, named: name)
  }

  /// Passes connections on to `port`; without one it is an HTTP proxy.
  package convenience init(to target: UInt16? = nil, in directory: TemporaryDirectory, named name: String) throws {
    try self.init(as: target.map { "\($0)" } ?? "proxy", in: directory, named: name)
  }

  private init(as role: String, in directory: TemporaryDirectory, named name: String) throws {
    let script = try directory.write(crossingScript, to: "\(name).py")
    control = directory.path + "/\(name).control"
    let child = try ChildProcess(
      ["/usr/bin/python3", "-I", script, role, control], in: directory, named: name)
    self.child = child
    try eventually("the relay says its port") {
      if let status = child.statusIfEnded { throw ProgramEnded(name: name, status: status, errors: child.errors) }
      return child.output.contains("\n")
    }
    guard let port = UInt16(child.output.prefix { $0 != "\n" }) else {
      throw ProgramEnded(name: name, status: 0, errors: "no port: \(child.output)")
    }
    self.port = port
  }

  /// In force, and the connections there were ended, when it returns.
  package func become(_ mode: Mode) throws { _ = try ask("mode \(mode.words)") }

  /// How many connections it has taken.
  package func connections() throws -> Int { Int(try ask("count")) ?? 0 }

  /// The heads of the requests that a proxy was sent, each a CONNECT; empty lines between their lines left out.
  package func heads() throws -> String { try ask("heads") }

  private func ask(_ line: String) throws -> String {
    let connection = try StreamConnection(unix: control)
    try connection.send("\(line)\n")
    var answer: [String] = []
    while let line = try connection.readLine() { answer.append(line) }
    return answer.joined(separator: "\n")
  }
}

/// Prints the port of its service. Each connection to its control is one line and one answer.
private let crossingScript = #"""
  import base64, socket, sys, threading, time

  target, _, everywhere = sys.argv[1].partition(":")
  mode = ["open"]
  connections, heads = [0], []
  live, lock = set(), threading.Lock()

  def listen(port=0):
      listener = socket.socket()
      listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      listener.bind(("127.0.0.1", port))
      listener.listen(128)
      return listener

  def end(*ends):
      for one in ends:
          try:
              one.shutdown(socket.SHUT_RDWR)
          except OSError:
              pass
          one.close()

  def pump(source, sink, both):
      try:
          while data := source.recv(65536):
              sink.sendall(data)
      except OSError:
          pass
      end(*both)

  def records(client):
      """The client's TLS records, one by one."""
      data = b""
      while True:
          while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
              more = client.recv(65536)
              if not more:
                  return
              data += more
          size = 5 + int.from_bytes(data[3:5], "big")
          yield data[:size]
          data = data[size:]

  def forward_request(client, server, after):
      # In TLS 1.3 the first record of application data is the client's Finished, the second its request.
      held = threading.Event()

      def back():
          try:
              while data := server.recv(65536):
                  if not held.is_set():
                      client.sendall(data)
          except OSError:
              pass

      threading.Thread(target=back, daemon=True).start()
      seen = 0
      for record in records(client):
          if record[0] == 23:
              seen += 1
          if seen == 2:
              held.set()
              server.sendall(record)
              time.sleep(0.2)
              if after == "cutAnswer":
                  return end(client, server)
              return
          server.sendall(record)

  def tunnel(client):
      head = b""
      while b"\r\n\r\n" not in head:
          more = client.recv(4096)
          if not more:
              return None
          head += more
      lines = head.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")
      heads.append("\n".join(lines))
      words = mode[0].split(" ", 1)
      if words[0] == "answer":
          client.sendall(f"HTTP/1.1 {words[1]} No\r\nContent-Length: 0\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\n\r\n".encode())
          return None
      if words[0] == "later":
          status, text = words[1].split(" ", 1)
          client.sendall(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nRetry-After: {text}\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\n\r\n".encode())
          return None
      if words[0] == "password":
          wanted = "Basic " + base64.b64encode(words[1].encode()).decode()
          if f"Proxy-Authorization: {wanted}" not in lines:
              client.sendall(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"r\"\r\nContent-Length: 0\r\n\r\n")
              return None
      method, place, _ = lines[0].split(" ")
      host, port = place.rsplit(":", 1)
      if words[0] == "without" and words[1] in host:
          client.sendall(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
          return None
      if everywhere:
          host, port = "127.0.0.1", everywhere
      if method != "CONNECT" or host not in ("127.0.0.1", "localhost"):
          client.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
          return None
      try:
          server = socket.create_connection((host, int(port)))
      except OSError:
          client.sendall(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
          return None
      client.sendall(b"HTTP/1.1 200 Connection established\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\n\r\n")
      return server

  def serve(client):
      now = mode[0].split(" ")[0]
      with lock:
          connections[0] += 1
          live.add(client)
      try:
          client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
          if now == "silent":
              return
          if now in ("cut", "garbage"):
              client.recv(4096)
              if now == "garbage":
                  client.sendall(b"220 mail.example ESMTP\r\n" * 3)
                  time.sleep(0.05)
              return end(client)
          server = tunnel(client) if target == "proxy" else socket.create_connection(("127.0.0.1", int(target)))
          if server is None:
              return end(client)
          server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
          with lock:
              live.add(server)
          if now in ("cutAnswer", "holdAnswer"):
              return forward_request(client, server, now)
          threading.Thread(target=pump, args=(server, client, (client, server)), daemon=True).start()
          pump(client, server, (client, server))
      except OSError:
          end(client)

  listener = listen()
  port = listener.getsockname()[1]

  def accept(listener):
      while True:
          try:
              client, _ = listener.accept()
          except OSError:
              return
          threading.Thread(target=serve, args=(client,), daemon=True).start()

  threading.Thread(target=accept, args=(listener,), daemon=True).start()
  control = socket.socket(socket.AF_UNIX)
  control.bind(sys.argv[2])
  control.listen(128)
  print(port, flush=True)
  while True:
      asker, _ = control.accept()
      words = asker.makefile().readline().strip().split(" ", 1)
      answer = ""
      if words[0] == "mode":
          was, mode[0] = mode[0], words[1]
          if words[1] == "refuse" and listener:
              # A shutdown wakes the thread that accepts, which a close alone doesn't.
              end(listener)
              listener = None
          elif words[1] != "refuse" and not listener:
              listener = listen(port)
              threading.Thread(target=accept, args=(listener,), daemon=True).start()
          with lock:
              gone, live = live, set()
          end(*gone)
      elif words[0] == "count":
          answer = str(connections[0])
      elif words[0] == "heads":
          answer = "\n".join(heads)
      asker.sendall(answer.encode() + b"\n")
      end(asker)
  """#

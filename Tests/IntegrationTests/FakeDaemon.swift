import Glibc
import TestSupport

/// A socket where something else than the daemon answers, or nothing at all.
final class FakeDaemon {
  enum Behaviour: String, CaseIterable {
    /// Takes connections and never says anything.
    case silent
    /// Sends a head for ever, a byte at a time.
    case dribbling
    /// Sends a whole head and half of the body.
    case stuck
  }

  let socketPath: String
  private let child: ChildProcess

  /// What was received, of the behaviour that ends connections.
  var requests: String { child.output }

  convenience init(_ behaviour: Behaviour, in directory: TemporaryDirectory) throws {
    try self.init(words: [behaviour.rawValue], in: directory)
  }

  /// Ends so many connections without an answer, and answers the next ones with this status and body.
  convenience init(endingFirst count: Int, then status: Int, _ body: String, in directory: TemporaryDirectory) throws {
    try self.init(words: ["ending", "\(count)", "\(status)", body], in: directory)
  }

  private init(words: [String], in directory: TemporaryDirectory) throws {
    socketPath = directory.path("fake.sock")
    child = try ChildProcess(["/usr/bin/python3", "-c", Self.script, socketPath] + words, in: directory, named: "fake")
    let child = self.child
    try eventually("the fake listens") { child.output.contains("listening") }
  }

  private static let script = """
    import socket, sys, threading, time
    path, how, *more = sys.argv[1:]
    listener = socket.socket(socket.AF_UNIX); listener.bind(path); listener.listen(64)
    print("listening", flush=True)
    held = []
    def dribble(c):
      try:
        c.sendall(b"HTTP/1.1 200 OK\\r\\nX: ")
        while True:
          c.sendall(b"x"); time.sleep(0.05)
      except OSError:
        pass
    count = 0
    while True:
      c, _ = listener.accept()
      held.append(c)
      count += 1
      if how == "dribbling": threading.Thread(target=dribble, args=(c,), daemon=True).start()
      if how == "stuck": c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 1000\\r\\n\\r\\n{")
      if how == "ending":
        # Read first: a connection closed with unread bytes in it is reset.
        print(c.recv(65536), flush=True)
        if count > int(more[0]):
          body = more[2].encode()
          c.sendall(b"HTTP/1.1 %s X\\r\\nContent-Length: %d\\r\\n\\r\\n" % (more[1].encode(), len(body)) + body)
        c.close()
    """
}

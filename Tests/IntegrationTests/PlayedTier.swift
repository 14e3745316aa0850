import Glibc
import Laboratory
import TestSupport

/// A machine of a tier: a TLS server that takes clients' certificates alone and hands out bundles of the sessions of a daemon, which it reads
/// from that daemon's socket, as nginx and rolekeeperd do on a tier.
final class PlayedTier {
  let name: String
  private let directory: TemporaryDirectory
  private let source: String
  private(set) var port = 0
  private var child: ChildProcess?
  private var starts = 0

  /// `source` is the socket of the daemon that has the sessions.
  init(_ name: String, of source: String, in directory: TemporaryDirectory) throws {
    (self.name, self.source, self.directory) = (name, source, directory)
    try directory.write(playedTierScript, to: "tier.py")
    try start()
  }

  var url: String { "https://127.0.0.1:\(port)" }

  /// Starts it, at the port that it had before.
  func start() throws {
    starts += 1
    let child = try ChildProcess(
      ["/usr/bin/env", "python3", "-I", directory.path("tier.py"), directory.path, name, "\(port)", source],
      in: directory,
      named: "\(name)-\(starts)")
    self.child = child
    try eventually("the tier listens:\n\(child.errors)") { child.output.contains("\n") }
    port = Int(child.output.split(separator: "\n").first ?? "") ?? 0
  }

  func kill() {
    child?.signal(SIGKILL)
    _ = child?.wait()
    child = nil
  }

  /// What came in, one request a line: the certificate's name and serial number, method, target, and ETag.
  var log: String { child?.errors ?? "" }

  /// A CA, a certificate for servers on the loopback address, and one for each host, in the directory: `ca.pem`, `NAME.crt`, `NAME.key`.
  static func certificates(_ hosts: [String], in directory: TemporaryDirectory, days: Int = 2) throws {
    var script = """
      set -e
      cd "$1"
      key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
      [ -e ca.pem ] || openssl req -x509 $key -keyout ca.key -out ca.pem -days 2 -subj /CN=fleet
      make() {
        openssl req $key -keyout $1.key -out $1.csr -subj "/CN=$1"
        echo "subjectAltName=$2" > $1.ext
        openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days \(days) -extfile $1.ext -out $1.crt
        chmod 0400 $1.key
      }
      [ -e server.crt ] || make server IP:127.0.0.1

      """
    for host in hosts { script += "rm -f \(host).key; make \(host) DNS:\(host)\n" }
    let made = try ChildProcess.run(["/bin/bash", "-c", script, "bash", directory.path])
    if made.status != 0 { throw ProgramEnded(name: "openssl", status: made.status, errors: made.errors) }
  }
}

private let playedTierScript = #"""
  import calendar, http.server, json, os, socket, ssl, sys, threading, time, urllib.parse

  directory, name, port, source = sys.argv[1:5]
  os.chdir(directory)
  reported = set()

  def setting(key, fallback):
      try:
          with open("tier.json") as file:
              return json.load(file).get(key, fallback)
      except FileNotFoundError:
          return fallback

  def ask(target):
      with socket.socket(socket.AF_UNIX) as one:
          one.settimeout(5)
          one.connect(source)
          one.sendall(("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target).encode())
          data = b""
          while True:
              more = one.recv(65536)
              if not more:
                  break
              data += more
      head, _, body = data.partition(b"\r\n\r\n")
      return int(head.split()[1]), json.loads(body)

  def bundle():
      roles = {}
      for role in setting("roles", ["uploader"]):
          status, document = ask("/v1/roles/%s/credentials?wait=0" % role)
          if status != 200:
              roles[role] = {"error": {"code": "NoSession", "message": "none", "retry_after": 5}}
              continue
          _, state = ask("/v1/roles/%s" % role)
          roles[role] = {
              "access_key_id": document["AccessKeyId"], "access_key_secret": document["AccessKeySecret"],
              "security_token": document["SecurityToken"], "expiration": document["Expiration"],
              "last_updated": document["LastUpdated"], "generation": state["generation"],
              "shortest_life": setting("shortest_life", 100000), "role_arn": "acs:ram::1:role/" + role}
      return roles

  def etag(roles):
      return '"%s"' % "+".join(one.get("access_key_id", "none") for one in roles.values())

  class Handler(http.server.BaseHTTPRequestHandler):
      protocol_version = "HTTP/1.1"

      def log_message(self, *arguments):
          pass

      def note(self):
          subject = dict(part[0] for part in self.connection.getpeercert()["subject"])["commonName"]
          serial = self.connection.getpeercert()["serialNumber"]
          sys.stderr.write("%s %s %s %s %s\n" % (subject, serial, self.command, self.path, self.headers.get("If-None-Match", "-")))
          sys.stderr.flush()
          return subject

      def answer(self, status, body=None, tag=None):
          body = json.dumps(body).encode() if body is not None else b""
          self.send_response(status)
          if tag:
              self.send_header("ETag", tag)
              self.send_header("Rolekeeper-Refresh-After", str(setting("refresh_after", 5)))
          if status != 304:
              self.send_header("Content-Type", "application/json")
              self.send_header("Content-Length", str(len(body)))
          self.end_headers()
          if status != 304:
              self.wfile.write(body)

      def do_POST(self):
          self.note()
          query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
          reported.add(query["access_key_id"][0])
          self.answer(200, {"result": "condemned"})

      def do_GET(self):
          subject = self.note()
          if subject in setting("revoked", []):
              return self.answer(403, {"title": "forbidden"})
          if setting("down", False):
              return self.answer(503, {"title": "no session"})
          query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
          end = time.monotonic() + float(query.get("wait", ["0"])[0])
          held = self.headers.get("If-None-Match")
          while True:
              roles = bundle()
              tag = etag(roles)
              lost = held and any(id in held and id not in tag for id in reported)
              if lost or time.monotonic() >= end:
                  break
              time.sleep(0.1)
          if "wait" in query and not lost:
              tag = held
          if tag == held:
              return self.answer(304, tag=tag)
          self.answer(200, {"host": subject, "tier": name, "refresh_after": setting("refresh_after", 5), "roles": roles}, tag)

  class Server(http.server.ThreadingHTTPServer):
      daemon_threads = True

      def get_request(self):
          connection, address = self.socket.accept()
          return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

      def handle_error(self, request, address):
          pass

  context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
  context.load_cert_chain("server.crt", "server.key")
  context.load_verify_locations("ca.pem")
  context.verify_mode = ssl.CERT_REQUIRED
  server = Server(("127.0.0.1", int(port)), Handler)
  print(server.server_address[1], flush=True)
  server.serve_forever()
  """#

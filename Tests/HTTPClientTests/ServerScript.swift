/// A TLS server with one behaviour per path and one port per certificate. It creates its certificates with the openssl command in
/// the given directory, prints `NAME=PORT …` when it listens, and ends when its standard input is closed.
let serverScript = #"""
  import gzip, hashlib, os, socket, ssl, subprocess, sys, threading, time

  os.chdir(sys.argv[1])

  def openssl(*arguments):
      subprocess.run(("openssl",) + arguments, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

  KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

  def authority(name, subject=None):
      openssl("req", "-x509", *KEY, "-keyout", name + ".key", "-out", name + ".pem", "-days", "2",
              "-subj", "/CN=" + (subject or name))

  def certificate(name, issuer, alternative, days):
      openssl("req", *KEY, "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)
      with open(name + ".ext", "w") as file:
          file.write("subjectAltName=" + alternative)
      openssl("x509", "-req", "-in", name + ".csr", "-CA", issuer + ".pem", "-CAkey", issuer + ".key", "-CAcreateserial",
              "-days", days, "-extfile", name + ".ext", "-out", name + ".crt")

  authority("authority")
  authority("stranger")
  # The same authority with another key, as after a change of it; and the authority as one not to be trusted with servers.
  authority("renewed", "authority")
  openssl("x509", "-in", "authority.pem", "-addreject", "serverAuth", "-trustout", "-out", "rejected.pem")
  openssl("x509", "-in", "authority.pem", "-addtrust", "serverAuth", "-trustout", "-out", "trusted.pem")
  # The authority with a time of a type that none has; with a name that is longer than what it is in; and with something behind it.
  with open("authority.pem") as file:
      der = ssl.PEM_cert_to_DER_cert(file.read())
  for name, damaged in [("odd-time", der.replace(b"\x17\x0d", b"\x0c\x0d", 1)),
                        ("torn", der.replace(b"\x0c\x09authority", b"\x0c\x39authority")), ("longer", der + b"\x05\x00")]:
      with open(name + ".pem", "w") as file:
          file.write(ssl.DER_cert_to_PEM_cert(damaged))
  certificate("good", "authority", "IP:127.0.0.1,DNS:localhost,DNS:sts.example", "2")
  certificate("foreign", "stranger", "IP:127.0.0.1", "2")
  certificate("later", "renewed", "IP:127.0.0.1", "2")
  certificate("misnamed", "authority", "DNS:elsewhere.example", "2")
  certificate("expired", "authority", "IP:127.0.0.1", "-1")
  certificate("client-one", "authority", "DNS:one.example", "2")
  certificate("client-two", "authority", "DNS:two.example", "2")

  connections = 0
  requests = 0
  together = threading.Barrier(16)
  released = threading.Event()
  asked = 0
  held = 0

  def answer(connection, status, body, *headers):
      head = ["HTTP/1.1 " + status, "Content-Length: %d" % len(body)] + list(headers)
      connection.sendall("\r\n".join(head + ["", ""]).encode() + body)

  def serve(connection, head, body, earlier):
      global asked, held
      path = head.split(" ")[1].split("?")[0]
      date = "Date: Fri, 02 Jan 2026 03:04:05 GMT"
      if path == "/ok":
          answer(connection, "200 OK", b'{"RequestId":"1"}', "dATE: Fri, 02 Jan 2026 03:04:05 GMT", "X-Acs-Retry-After: 1500")
      elif path == "/throttled":
          answer(connection, "503 Service Unavailable", b"{}", "x-acs-retry-after: soon", date, "Date: Fri, 02 Jan 2026 03:04:06 GMT")
      elif path == "/later":
          answer(connection, "503 Service Unavailable", b"{}", "RETRY-AFTER:  Fri, 02 Jan 2026 03:04:25 GMT ", date)
      elif path == "/gzip":
          answer(connection, "200 OK", gzip.compress(b'{"RequestId":"1"}'), "Content-Encoding: gzip", date)
      elif path == "/bomb":
          answer(connection, "200 OK", gzip.compress(b"x" * int(head.split("size=")[1].split(" ")[0])), "Content-Encoding: gzip")
      elif path == "/bombs":
          answer(connection, "200 OK", gzip.compress(gzip.compress(b"x" * 10_000_000)), "Content-Encoding: gzip, gzip")
      elif path == "/badgzip":
          answer(connection, "200 OK", b"not gzip at all", "Content-Encoding: gzip")
      elif path == "/interim":
          connection.sendall(b"HTTP/1.1 100 Continue\r\nx-acs-retry-after: 7\r\n\r\n")
          answer(connection, "200 OK", b"", date)
      elif path == "/" or path.endswith("/echo"):
          answer(connection, "200 OK", head.encode())
      elif path == "/digest":
          answer(connection, "200 OK", b"%d %s\r\n%s" % (len(body), hashlib.sha256(body).hexdigest().encode(), head.encode()))
      elif path == "/digestanew":
          # Not on a connection that was kept: there the request is read, and the connection ends without an answer.
          if earlier:
              return False
          answer(connection, "200 OK", b"%d %s" % (len(body), hashlib.sha256(body).hexdigest().encode()))
      elif path == "/limit":
          answer(connection, "200 OK", b"x" * 65536)
      elif path == "/over":
          answer(connection, "200 OK", b"x" * 65537)
      elif path == "/stream":
          connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
          for _ in range(80):
              connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
          connection.sendall(b"0\r\n\r\n")
      elif path == "/cut":
          connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789")
          return False
      elif path == "/longhead":
          connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\nContent-Length: 0\r\n\r\n")
      elif path == "/fields":
          answer(connection, "200 OK", b"", "ETag: \"0123456789ABCDEF\"", "X-OSS-Hash-CRC64ECMA: 11051210869376104954",
              "X-Twice: 1", "X-Twice: 2", "X-Same: a b", "x-same:a b ", "X-Odd: a\tb", date)
      elif path == "/dribble":
          connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
          for _ in range(5):
              time.sleep(0.2)
              connection.sendall(b"x")
      elif path == "/nothing":
          return False
      elif path == "/redirect":
          answer(connection, "302 Found", b"", "Location: /ok")
      elif path == "/garbage":
          connection.sendall(b"SSH-2.0-signature=abc\r\n")
          return False
      elif path == "/quote":
          connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: Signature=abc\r\n\r\n")
          return False
      elif path == "/silent":
          time.sleep(60)
      elif path == "/together":
          # Nobody is answered before sixteen have asked.
          together.wait()
          answer(connection, "200 OK", b"")
      elif path == "/held":
          asked += 1
          released.wait()
          answer(connection, "200 OK", b"")
          held += 1
      elif path == "/asked":
          answer(connection, "200 OK", b"%d" % asked)
      elif path == "/release":
          released.set()
          answer(connection, "200 OK", b"%d" % held)
      elif path == "/whose":
          # The client's certificate, or in a resumed session that of the session before.
          answer(connection, "200 OK", dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"].encode())
      elif path == "/counts":
          answer(connection, "200 OK", b"%d %d" % (connections, requests))
      else:
          answer(connection, "404 Not Found", b"")
      return True

  def talk(plain, context):
      global connections, requests
      try:
          connection = context.wrap_socket(plain, server_side=True)
          connections += 1
          earlier = 0
          data = b""
          while True:
              while b"\r\n\r\n" not in data:
                  more = connection.recv(65536)
                  if not more:
                      return
                  data += more
              head, data = data.split(b"\r\n\r\n", 1)
              lengths = [line.split(":")[1] for line in head.decode().split("\r\n") if line.lower().startswith("content-length:")]
              length = int(lengths[0]) if lengths else 0
              while len(data) < length:
                  more = connection.recv(65536)
                  if not more:
                      return
                  data += more
              body, data = data[:length], data[length:]
              requests += 1
              if not serve(connection, head.decode(), body, earlier):
                  return
              earlier += 1
      except (ssl.SSLError, OSError):
          pass
      finally:
          plain.close()
          try:
              connection.close()
          except Exception:
              pass

  def listen(backlog=128):
      listener = socket.socket()
      listener.bind(("127.0.0.1", 0))
      listener.listen(backlog)
      return listener

  def accept(listener, context):
      while True:
          plain, _ = listener.accept()
          plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
          threading.Thread(target=talk, args=(plain, context), daemon=True).start()

  ports = []
  for name in ("good", "foreign", "later", "misnamed", "expired", "ticketless", "client", "client-ticketless"):
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      # A session ticket that comes late makes libcurl take a connection for one that is closing.
      if name.endswith("ticketless"):
          context.num_tickets = 0
      if name.startswith("client"):
          context.verify_mode = ssl.CERT_REQUIRED
          context.load_verify_locations("authority.pem")
      files = name if name in ("foreign", "later", "misnamed", "expired") else "good"
      context.load_cert_chain(files + ".crt", files + ".key")
      listener = listen()
      ports.append("%s=%d" % (name, listener.getsockname()[1]))
      threading.Thread(target=accept, args=(listener, context), daemon=True).start()

  # TLS 1.1 alone: OpenSSL offers it at its lowest security level only.
  old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
  old.set_ciphers("ALL:@SECLEVEL=0")
  old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
  old.load_cert_chain("good.crt", "good.key")
  listener = listen()
  ports.append("old=%d" % listener.getsockname()[1])
  threading.Thread(target=accept, args=(listener, old), daemon=True).start()

  # Connections are made by the kernel, but nobody ever speaks TLS on them.
  mute = listen()
  ports.append("mute=%d" % mute.getsockname()[1])

  print(" ".join(ports), flush=True)
  sys.stdin.read()
  os._exit(0)
  """#

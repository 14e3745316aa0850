import Laboratory
import TestSupport
import Testing

/// The script that fetches the hosts' revocation lists for a tier's nginx.
@Suite struct RevocationListTests {
  /// What a run printed, and how it ended.
  private struct Run {
    let status: Int32
    let errors: String
    /// How often nginx was reloaded.
    let reloads: Int
  }

  private struct Failed: Error { let reason: String }

  private static let script =
    "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/etc/nginx/rolekeeper-crl"

  private let directory: TemporaryDirectory

  /// Two CAs, both with a list that is in use.
  init() throws {
    directory = try TemporaryDirectory()
    try directory.write(
      "[ca]\ndefault_ca = one\n[one]\ndatabase = index.txt\ncrlnumber = crlnumber\ndefault_md = sha256\n", to: "ca.cnf")
    // Stands for systemctl, and notes its words; it fails as long as there is a file 'broken'.
    try directory.write(
      "#!/bin/sh\necho \"$*\" >>\(directory.path("reloads"))\n! [ -e \(directory.path("broken")) ]\n", to: "systemctl")
    try shell("chmod +x systemctl; mkdir fleet")
    for name in ["a", "b"] {
      try authority(name)
      try list(name)
    }
    try shell("cat a/ca.crt b/ca.crt >fleet/hosts-ca.crt; cat a/ca.crl b/ca.crl >fleet/hosts-ca.crl")
  }

  @discardableResult
  private func shell(_ script: String, _ environment: [String] = []) throws -> String {
    let run = try ChildProcess.run(
      ["/usr/bin/env"] + environment + ["/bin/bash", "-c", "cd \"$0\" && { \(script); }", directory.path])
    guard run.status == 0 else { throw Failed(reason: "\(script): \(run.errors)") }
    return run.output
  }

  private func authority(_ name: String, subject: String? = nil) throws {
    try shell(
      """
      mkdir \(name); cp ca.cnf \(name); touch \(name)/index.txt; echo 10 >\(name)/crlnumber
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=\(subject ?? name) \
        -keyout \(name)/ca.key -out \(name)/ca.crt
      """)
  }

  /// Another list of this CA, with the next number; `options` are those of `openssl ca -gencrl`.
  private func list(_ name: String, _ options: String = "-crldays 1") throws {
    try shell(
      "cd \(name); openssl ca -config ca.cnf -keyfile ca.key -cert ca.crt -gencrl \(options) -out ca.crl")
  }

  private func url(_ path: String) -> String { "file://\(directory.path(path))" }

  private func fetch(_ paths: [String] = ["a/ca.crl", "b/ca.crl"], _ environment: [String] = []) throws -> Run {
    try shell("rm -f reloads")
    let run = try ChildProcess.run(
      ["/usr/bin/env", "ROLEKEEPER_FLEET=\(directory.path("fleet"))", "PATH=\(directory.path):/usr/bin:/bin"]
        + environment
        + [Self.script] + paths.map(url))
    let words = FileText.read(directory.path("reloads")).map { $0.split(separator: "\n") } ?? []
    #expect(words.allSatisfy { $0 == "try-reload-or-restart rolekeeper-nginx" })
    let left = try shell("ls fleet").split(separator: "\n").filter { $0.hasPrefix("new-crl") }
    #expect(left.isEmpty, "nothing is left behind")
    return Run(status: run.status, errors: run.errors, reloads: words.count)
  }

  /// Whether nginx has the list that is the present one of this CA.
  private func has(_ name: String) throws -> Bool {
    let list = try shell("openssl crl -in \(name)/ca.crl")
    return FileText.read(directory.path("fleet/hosts-ca.crl"))?.contains(list) == true
  }

  @Test func `new lists are taken, and nginx is reloaded once`() throws {
    try list("a")
    try list("b")
    let run = try fetch()
    #expect(run.status == 0 && run.errors.isEmpty && run.reloads == 1, "\(run)")
    #expect(try has("a") && has("b"))
  }

  @Test func `a list in DER is taken as one in PEM`() throws {
    try list("a")
    try shell("openssl crl -in a/ca.crl -outform DER -out a/ca.der")
    #expect(try fetch(["a/ca.der", "b/ca.crl"]).status == 0)
    #expect(try has("a"))
  }

  @Test func `without a new list nginx isn't reloaded`() throws {
    let run = try fetch()
    #expect(run.status == 0 && run.reloads == 0, "\(run)")
  }

  @Test func `a reload that failed is made up for by the next run`() throws {
    try list("a")
    try directory.write("", to: "broken")
    let failed = try fetch()
    #expect(failed.status == 1 && failed.reloads == 1, "\(failed)")
    #expect(failed.errors.contains("nginx has not read the new lists; the next run reloads it again"))
    try shell("rm broken")
    #expect(try fetch().reloads == 1 && fetch().reloads == 0)
  }

  @Test(arguments: [
    ("-crl_lastupdate 20200101000000Z -crl_nextupdate 20200102000000Z", "its nextUpdate has passed"),
    ("-crl_lastupdate 20990101000000Z -crl_nextupdate 20990102000000Z", "its lastUpdate is in the future"),
  ])
  func `of a CA whose list isn't valid now the present one stays, and those of others are taken`(
    options: String, reason: String
  ) throws {
    try list("a", options)
    try list("b")
    let run = try fetch()
    #expect(run.status == 1 && run.errors.contains("\(url("a/ca.crl")): \(reason)") && run.reloads == 1, "\(run)")
    #expect(try !has("a") && has("b"))
  }

  @Test func `an older list is refused`() throws {
    try list("a")
    #expect(try fetch().status == 0)
    try shell("echo 05 >a/crlnumber")
    try list("a")
    let run = try fetch()
    #expect(run.status == 1 && run.errors.contains("older than the list that nginx has") && run.reloads == 0, "\(run)")
    #expect(try !has("a"))
  }

  @Test func `a list that isn't there, and what is no list, are reported, and those of others are taken`() throws {
    try list("b")
    try directory.write("<html>", to: "page")
    for path in ["missing", "page"] {
      let run = try fetch([path, "b/ca.crl"])
      #expect(run.status == 1, "\(run)")
      #expect(run.errors.contains(": not fetched") || run.errors.contains(": no revocation list"), "\(run)")
      #expect(try has("a") && has("b"))
    }
  }

  @Test func `a list of another CA is refused, also of one that the machine trusts, or one of the same name`() throws {
    try authority("c")
    try list("c")
    try authority("d", subject: "a")
    try list("d")
    try shell("mkdir trusted; cp c/ca.crt trusted; openssl rehash trusted")
    let trust = ["SSL_CERT_DIR=\(directory.path("trusted"))", "SSL_CERT_FILE=\(directory.path("c/ca.crt"))"]
    for name in ["c", "d"] {
      let run = try fetch(["\(name)/ca.crl", "b/ca.crl"], trust)
      #expect(run.status == 1 && run.errors.contains("not signed by a CA in hosts-ca.crt"), "\(run)")
      #expect(try has("a") && !has(name))
    }
  }

  @Test func `without any list of a CA nothing is replaced, since nginx would refuse every host`() throws {
    try shell("cp a/ca.crl fleet/hosts-ca.crl")
    try list("a")
    let run = try fetch(["a/ca.crl"])
    #expect(run.status == 1 && run.errors.contains("no list of the CA subject=CN = b") && run.reloads == 0, "\(run)")
    #expect(try !has("a"))
    #expect(try fetch().status == 0)
    #expect(try has("a") && has("b"))
  }

  @Test func `present lists that can't be read are replaced`() throws {
    for text in ["", "junk\n", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"] {
      try directory.write(text, to: "fleet/hosts-ca.crl")
      #expect(try fetch().status == 0)
      #expect(try has("a") && has("b"))
    }
    try shell("rm fleet/hosts-ca.crl")
    #expect(try fetch().status == 0)
    #expect(try has("a") && has("b"))
  }

  @Test func `a CA that has another key under the same name needs a list of each key`() throws {
    try authority("d", subject: "a")
    try list("d")
    try shell("cat a/ca.crt d/ca.crt >fleet/hosts-ca.crt")
    let run = try fetch(["a/ca.crl"])
    #expect(run.status == 1 && run.errors.contains("no list of the CA subject=CN = a"), "\(run)")
    #expect(try fetch(["a/ca.crl", "d/ca.crl"]).status == 0)
    #expect(try has("a") && has("d"))
  }

  @Test func `two certificates of a CA with the same key need one list`() throws {
    try shell(
      """
      openssl req -x509 -key a/ca.key -days 3 -subj /CN=a -out a/renewed.crt
      cat a/ca.crt a/renewed.crt b/ca.crt >fleet/hosts-ca.crt
      """)
    try list("a")
    #expect(try fetch().status == 0)
    let text = try #require(FileText.read(directory.path("fleet/hosts-ca.crl")))
    #expect(text.split(separator: "-----BEGIN X509 CRL-----").count == 2)
  }
}

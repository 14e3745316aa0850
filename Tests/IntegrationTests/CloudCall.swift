import Laboratory
import TestSupport

/// A signed call to the emulator with a credential as readers get it, by Python's own hmac.
enum CloudCall {
  private static let script = """
    import datetime, hashlib, hmac, http.client, json, ssl, sys, urllib.parse, uuid

    endpoint, authority, document, action, version, query = sys.argv[1:]
    credential, query = json.loads(document), json.loads(query)
    def encoded(text): return urllib.parse.quote(text, safe="-_.~")
    text = "&".join(f"{encoded(name)}={encoded(query[name])}" for name in sorted(query))
    empty = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": endpoint, "x-acs-accesskey-id": credential["AccessKeyId"], "x-acs-action": action,
        "x-acs-content-sha256": empty, "x-acs-security-token": credential["SecurityToken"],
        "x-acs-date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": uuid.uuid4().hex, "x-acs-version": version,
    }
    names = ";".join(sorted(headers))
    block = "".join(f"{name}:{headers[name]}\\n" for name in sorted(headers))
    canonical = "\\n".join(["POST", "/", text, block, names, empty])
    to_sign = "ACS3-HMAC-SHA256\\n" + hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.new(credential["AccessKeySecret"].encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={credential['AccessKeyId']},SignedHeaders={names},Signature={signature}")
    connection = http.client.HTTPSConnection(
        endpoint, context=ssl.create_default_context(cafile=authority), timeout=20)
    connection.request("POST", "/?" + text, body=b"", headers=headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    print(answer.status, body.get("Code", "OK"), body.get("Arn", ""), body.get("SourceIdentity", ""))
    """

  /// `STATUS CODE`, with the code `OK` for a success; the words after it are the caller's Arn and SourceIdentity where the answer has them.
  static func make(
    _ action: String, version: String, _ query: [String: String] = [:], with document: String, at lab: Lab
  ) throws -> [Substring] {
    let fields = query.map { "\"\($0)\": \"\($1)\"" }.joined(separator: ", ")
    let run = try ChildProcess.run([
      "/usr/bin/python3", "-c", script, lab.emulator.endpoint, lab.emulator.authorityPath, document, action, version,
      "{\(fields)}",
    ])
    guard run.status == 0 else { throw ProgramEnded(name: "cloud call", status: run.status, errors: run.errors) }
    return run.output.split(separator: " ").map { $0.prefix { $0 != "\n" } }
  }
}

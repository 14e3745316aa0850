/// The keys of a source. Which of them a source may have depends on its type.
extension Schema {
  enum Source {
    static let type = ChoiceKey(
      name: "type", choices: SourceType.allCases.map(\.rawValue), standard: nil,
      summary: """
        The kind of source: access-key is the AccessKey of a RAM user; role is the session of another role of these \
        settings; ecs-ram-role is the RAM role of the ECS instance; oidc is a token of an OIDC identity provider, with which \
        its roles are assumed without a signature; credentials-uri is what a server hands out; kms is an AccessKey that KMS \
        rotates, from KMS Agent on this host; upstream is a tier of machines that hold the AccessKeys and hand out the \
        sessions themselves.
        """)
    static let credential = TextKey(
      name: "credential", form: "the name of a systemd credential", example: "\"access-key\"",
      summary: """
        The AccessKey as a systemd credential, which the unit's LoadCredential= passes to the daemon. Write this or \
        file.
        """)
    static let file = TextKey(
      name: "file", form: "a path, relative to this file or absolute", example: "\"/etc/rolekeeper/keys/access-key\"",
      summary: """
        The AccessKey in a file: the CSV that the RAM console downloads, JSON, or NAME=value lines. The daemon's user \
        must own the file, and nobody else may read it. When another key is put there, it is used once STS has \
        accepted it.
        """)
    static let role = TextKey(
      name: "role", form: "the NAME of a [roles.NAME]", example: "\"base\"",
      summary: """
        For type = "role", the role whose session signs. That role has a source of its own, which may be a role again, but \
        the chain can't lead back to it.
        """)
    static let roleName = TextKey(
      name: "role_name", form: "1 to 64 of A-Z a-z 0-9 . _ -", example: "\"host-role\"",
      summary: """
        For type = "ecs-ram-role", the name of the instance's RAM role. Without it the metadata service is asked for the \
        name.
        """)
    static let allowIMDSv1 = FlagKey(
      name: "allow_imds_v1",
      summary: """
        For type = "ecs-ram-role", whether the metadata service may be asked without a token, if it gives none.
        """)
    static let metadataAddress = TextKey(
      name: "metadata_address", form: "100.100.100.200, or a loopback or link-local ADDRESS:PORT",
      standard: standardMetadataAddress, example: "\"\(standardMetadataAddress)\"",
      summary: """
        For type = "ecs-ram-role", where the metadata service is. Another address than the standard one is for a stand-in on \
        this host.
        """)
    static let providerARN = TextKey(
      name: "provider_arn", form: "acs:ram::ACCOUNT:oidc-provider/NAME",
      example: "\"acs:ram::1234567890123456:oidc-provider/idp\"",
      summary: "For type = \"oidc\", the ARN of the OIDC identity provider in RAM.")
    static let tokenFile = TextKey(
      name: "token_file", form: "a path, relative to this file or absolute", example: "\"/run/idp/token\"",
      summary: """
        For type = "oidc", the file with the token, which is read for each request; it has to belong to root or the daemon's \
        user, and nobody else may be able to write to it. For type = "kms", the file with the token of KMS Agent.
        """)
    static let url = TextKey(
      name: "url", form: "https://HOST[:PORT]/PATH", example: "\"https://credentials.example/host7\"",
      summary: """
        For type = "credentials-uri", the URL of a document with AccessKeyId, AccessKeySecret, SecurityToken and Expiration, as \
        the vendor's SDKs take it from ALIBABA_CLOUD_CREDENTIALS_URI. Write this or socket.
        """)
    static let caFile = TextKey(
      name: "ca_file", form: "a path, relative to this file or absolute",
      example: "\"/etc/rolekeeper/credentials-ca.pem\"",
      summary: "The certificate authorities to trust for url or urls instead of the system's, in PEM form.")
    static let certificate = TextKey(
      name: "certificate", form: "a path, relative to this file or absolute", example: "\"/etc/rolekeeper/host7.pem\"",
      summary: """
        The certificate by which the daemon identifies itself at url or urls, in PEM form. A renewed one is used from the next \
        request on. For type = "upstream" it is required: the tier decides by it which roles this host gets.
        """)
    static let key = TextKey(
      name: "key", form: "a path, relative to this file or absolute", example: "\"/etc/rolekeeper/host7.key\"",
      summary: """
        The key of certificate, in PEM form, without a passphrase. The daemon's user must own the file, and nobody else may \
        read it.
        """)
    static let socket = TextKey(
      name: "socket", form: "an absolute path of at most 107 bytes", example: "\"/run/credentials.sock\"",
      summary: """
        For type = "credentials-uri", the Unix socket of a server on this host, which is asked over HTTP for such a document.
        """)
    static let path = TextKey(
      name: "path", form: "a path that begins with /", example: "\"/credentials\"",
      summary: "The path of the document at socket.")
    static let secret = TextKey(
      name: "secret", form: "1 to 64 of A-Z a-z 0-9 / _ + = . @ -", example: "\"keeper\"",
      summary: "For type = \"kms\", the name of the RAM secret.")
    static let agentAddress = TextKey(
      name: "agent_address", form: "a loopback ADDRESS:PORT", standard: "127.0.0.1:2025",
      example: "\"127.0.0.1:2025\"", summary: "For type = \"kms\", where KMS Agent listens.")
    static let urls = TextsKey(
      name: "urls", form: "https://HOST[:PORT]", most: 8,
      example: "[\"https://tier1.example\", \"https://tier2.example\"]",
      summary: """
        For type = "upstream", the machines of the tier. They are tried in this order, beginning with the first each time the \
        sessions are due; to spread hosts over them, write them in another order on some hosts.
        """)
    static let fallback = ChoiceKey(
      name: "fallback", choices: ["none", "direct"], standard: "none",
      summary: """
        For type = "upstream", what happens while no machine of the tier answers: with none, roles keep their last session until \
        it lapses; with direct, roles with a role_arn are fetched from STS before that, with an AccessKey of this host.
        """)
    static let fallbackSource = TextKey(
      name: "fallback_source", form: "the NAME of a [source.NAME] with type = \"access-key\"", example: "\"main\"",
      summary: """
        With fallback = "direct", the source that signs. It may be left out when there is only one AccessKey.
        """)
    static let fallbackRate = NumberKey(
      name: "fallback_requests_per_second", allowed: 0.01...10, standard: 0.2,
      summary: """
        With fallback = "direct", the most requests to STS per second for the roles of the tier. All hosts of the tier may fall \
        back at once, and share the account's 100 per second.
        """)
    static let table = SettingTable(
      header: "[source.NAME]",
      keys: [type, credential, file, role, roleName, allowIMDSv1, metadataAddress, providerARN, tokenFile]
        + [url, caFile, certificate, key, socket, path, secret, agentAddress]
        + [urls, fallback, fallbackSource, fallbackRate])

    static let standardMetadataAddress = "100.100.100.200"
    static let standardKMSTokenFile = "/var/run/kmstoken"

    /// The keys that belong to a type, besides `type`.
    static func keys(of type: SourceType) -> [any SettingKey] {
      switch type {
      case .accessKey: [credential, file]
      case .role: [role]
      case .instanceRole: [roleName, allowIMDSv1, metadataAddress]
      case .identityToken: [providerARN, tokenFile]
      case .credentialsURI: [url, caFile, certificate, key, socket, path]
      case .kms: [secret, tokenFile, agentAddress]
      case .upstream: [urls, caFile, certificate, key, fallback, fallbackSource, fallbackRate]
      }
    }
  }
}

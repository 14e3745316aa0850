import ArgumentParser
import Emulator
import Glibc

@main
struct STSEmulatorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sts-emulator",
    abstract: "A local RAM, STS, VOD and OSS for demos and tests.",
    discussion: """
      Answers AssumeRole, AssumeRoleWithOIDC and GetCallerIdentity of STS, and CreateUploadVideo, RefreshUploadVideo, GetMezzanineInfo, \
      GetUploadDetails and DeleteMultipartUpload of VOD, on one port over TLS. At each start it makes a certificate \
      authority and a server certificate of its own; clients have to trust the authority, whose certificate --ca-out \
      writes to a file. When ready it prints the line 'listening on https://ADDRESS:PORT', with --control also \
      'control on http://ADDRESS:PORT', and with --objects also 'OSS on https://ADDRESS:PORT'. SIGTERM and SIGINT end \
      it with exit status 0.

      OSS takes PutObject, multipart uploads, HeadObject, GetObject and DeleteObject, at https://ADDRESS:PORT/BUCKET/KEY \
      or https://BUCKET.oss-REGION.aliyuncs.com/KEY, and ListObjects, ListObjectsV2, GetBucketLocation, HeadBucket and \
      PutBucket; each bucket exists. It takes an upload credential, which is for one object, and role sessions and users, \
      whose policies have to allow the call, oss:PutObject on acs:oss:*:ACCOUNT:BUCKET/KEY, say. Signatures are OSS's own \
      or those of S3 clients (AWS4-HMAC-SHA256); a body in signed or checked chunks is refused, so boto3 needs \
      request_checksum_calculation=when_required.

      With --ecs it also plays the metadata service of an ECS instance (100.100.100.200 in the cloud), with \
      --credentials-uri and --credentials-socket a server behind a credentials URI, and with --kms KMS Agent, which hands \
      out a RAM user's AccessKey that KMS rotates. The configuration's [ecs], [credentials_uri] and [kms] say what they hand \
      out. Each prints a line, too: 'ECS metadata on http://ADDRESS:PORT', 'credentials on https://ADDRESS:PORT' and \
      'KMS Agent on http://ADDRESS:PORT'.

      rolekeeper uses it with two settings in [sts]: endpoint is the ADDRESS:PORT that it listens on, and ca_file is the \
      file of --ca-out. The AccessKey that rolekeeper has must be one of a user in the configuration.

      The configuration is TOML, for example:

        [accounts.1234567890123456]
        # limit of AssumeRole in each region (by the host that is called), for all
        # users and roles of the account together
        requests_per_second = 100
        # limit of DurationSeconds for a role that a role assumes; none by default
        chained_session_duration = "1h"
        # AccessKeys of the account itself, which can't assume roles
        access_keys = [{ id = "LTAIroot", secret = "…" }]

        [accounts.1234567890123456.policies.Upload]
        document = '''{"Version":"1","Statement":[
          {"Effect":"Allow","Action":"vod:*","Resource":"*"}]}'''

        [accounts.1234567890123456.users.keeper]
        access_keys = [{ id = "LTAIkeeper", secret = "…", active = true }]
        # this system policy, AliyunVODUploadAuth, AliyunVODFullAccess,
        # AdministratorAccess, or the account's policies
        policies = ["AliyunSTSAssumeRoleAccess"]

        [accounts.1234567890123456.roles.ramtestupload]
        # who may assume it; or write trust_policy = '''{…}''' instead
        trust = ["acs:ram::1234567890123456:root"]
        policies = ["Upload"]
        # 1h to 12h; default 1h
        max_session_duration = "12h"
        # make sessions expire this soon, even if a longer one was requested
        # issued_lifetime = "12s"
        # make SecurityTokens at least this many characters long
        token_length = 1024

        # whose tokens AssumeRoleWithOIDC takes, for a role whose trust_policy
        # names acs:ram::1234567890123456:oidc-provider/idp as Federated
        [accounts.1234567890123456.oidc_providers.idp]
        issuer = "https://idp.example"
        client_ids = ["sts.aliyuncs.com"]
        # RSA keys that sign them, as jwks = '{"keys":[…]}' or as a list of PEM
        # texts, public_keys; without either, POST /oidc-token makes tokens

        # what --ecs hands out; its trust_policy names ecs.aliyuncs.com as Service
        [ecs]
        role = "acs:ram::1234567890123456:role/host"
        # how long a session lives, and how long before its end it is replaced
        lifetime = "6h"
        renew_before = "30min"
        # answer without a token, too
        imds_v1 = true

        # what --credentials-uri and --credentials-socket hand out
        [credentials_uri]
        role = "acs:ram::1234567890123456:role/host"
        path = "/credentials"
        lifetime = "1h"
        renew_before = "10min"

        # what --kms hands out
        [kms]
        # how long an answer may be old; the agent's own default is 300s
        cache = "0s"
        # a secret with the AccessKey of this user
        [kms.secrets.keeper]
        account = "1234567890123456"
        user = "keeper"

        # how VOD behaves; these are the defaults
        [vod]
        # how long an upload credential is good
        upload_lifetime = "3000s"
        # whether UploadAuth has these two members
        with_expire_utc_time = true
        with_region = true
        # whether UploadAddress's Endpoint begins with https://
        with_scheme = true
        # a ReferenceId in use: "refuse" it, answer with the "same" video, or
        # make "another"
        repeated_reference = "refuse"
        # whether texts are measured in bytes instead of characters
        count_bytes = false
        # the code of what policies don't allow; Forbidden.… occurs, too
        permission_error = "NoPermission"
        # what TemplateGroupId and StorageLocation may name
        template_groups = []
        storage_locations = []
        # from the finished object to the first status but Uploading, and from
        # there to Normal
        notice_delay = "0s"
        processing_time = "0s"
        # another object storage in UploadAddress than the emulator's
        # endpoint = "oss-cn-shanghai.aliyuncs.com"
        # other limits than VOD's, per account
        # calls_per_second = { CreateUploadVideo = 80, RefreshUploadVideo = 80 }

        # how OSS behaves; these are the defaults
        [oss]
        region = "cn-shanghai"
        # accept signatures of version 1
        allow_v1 = false
        # let an upload credential list parts and abort uploads
        allow_list_parts = false
        allow_abort = false
        # or "InvalidAccessKeyId"
        expired_code = "SecurityTokenExpired"
        # or "crc", which is cheaper
        etag = "md5"

      The address of --control takes these requests, by curl say:

      \(controlHelp)
      """)

  /// What the control endpoint takes, indented by two.
  private static var controlHelp: String {
    let lines = STSEmulator.controlHelp.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.map { $0.isEmpty ? "" : "  \($0)" }.joined(separator: "\n")
  }

  @Option(
    help: ArgumentHelp(
      "The configuration file: accounts, users, AccessKeys, roles, policies and VOD's settings, in TOML.",
      valueName: "file"))
  var config: String

  @Option(
    help: ArgumentHelp(
      "The address and port to answer STS and VOD requests on, over TLS; port 0 is any free port.",
      valueName: "address:port"))
  var listen = Endpoint(address: "127.0.0.1", port: 0)

  @Option(
    help: ArgumentHelp(
      "The file to write the certificate authority's certificate to, in PEM form: what clients have to trust (ca_file of rolekeeper, --cacert of curl).",
      valueName: "file"))
  var caOut: String?

  @Option(
    help: ArgumentHelp(
      "The address and port to take control requests on, in plain HTTP and without authentication; port 0 is any free port.",
      valueName: "address:port"))
  var control: Endpoint?

  @Option(
    help: ArgumentHelp(
      "The directory to keep the objects of OSS in, as files BUCKET/KEY; it is made if need be. Without it there is no OSS.",
      valueName: "directory"))
  var objects: String?

  @Option(
    help: ArgumentHelp(
      "The port to answer OSS requests on, over TLS, at the address of --listen; by default any free port.",
      valueName: "port"))
  var ossPort: UInt16?

  @Option(
    help: ArgumentHelp(
      "The address and port to answer requests to an ECS instance's metadata service on, in plain HTTP; port 0 is any free port.",
      valueName: "address:port"))
  var ecs: Endpoint?

  @Option(
    help: ArgumentHelp(
      "The address and port to answer requests to a credentials URI on, over TLS, to clients with a certificate of the same authority; port 0 is any free port.",
      valueName: "address:port"))
  var credentialsURI: Endpoint?

  @Option(
    help: ArgumentHelp(
      "The Unix socket to answer the same requests on, in plain HTTP; a former one is replaced.", valueName: "path"))
  var credentialsSocket: String?

  @Option(
    help: ArgumentHelp(
      "The file to write a client certificate and its key to, in PEM form, for --credentials-uri.", valueName: "file"))
  var clientOut: String?

  @Option(
    help: ArgumentHelp(
      "The address and port to answer KMS Agent's requests on, in plain HTTP; port 0 is any free port.",
      valueName: "address:port"))
  var kms: Endpoint?

  @Option(
    help: ArgumentHelp(
      "The file to write the token to that clients of --kms send as X-KMS-Token (/var/run/kmstoken in the cloud).",
      valueName: "file"))
  var kmsTokenOut: String?

  @Option(
    help: ArgumentHelp(
      "Another host name for the server's certificate, beside localhost, 127.0.0.1, sts.aliyuncs.com, sts.REGION.aliyuncs.com for cn-hangzhou, cn-shanghai and cn-beijing, and vod.cn-shanghai.aliyuncs.com; may be repeated.",
      valueName: "name"))
  var name: [String] = []

  func validate() throws {
    if ossPort != nil, objects == nil {
      throw ValidationError("--oss-port needs --objects, which says where to keep objects")
    }
    if clientOut != nil, credentialsURI == nil {
      throw ValidationError("--client-out needs --credentials-uri, whose clients have certificates")
    }
    if kmsTokenOut != nil, kms == nil { throw ValidationError("--kms-token-out needs --kms") }
  }

  func run() throws {
    // Before the first thread, so that all inherit the mask and the signals wait for sigwait.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    sigprocmask(SIG_BLOCK, &signals, nil)
    signal(SIGPIPE, SIG_IGN)

    var options = STSEmulator.Options()
    options.address = listen.address
    options.port = listen.port
    options.control = control.map { ($0.address, $0.port) }
    options.names += name
    options.objects = objects
    options.ossPort = ossPort ?? 0
    options.metadata = ecs.map { ($0.address, $0.port) }
    options.credentialsURI = credentialsURI.map { ($0.address, $0.port) }
    options.credentialsSocket = credentialsSocket
    options.kmsAgent = kms.map { ($0.address, $0.port) }
    let config = config
    let emulator = try STSEmulator(Self.model(in: config), options: options, reload: { try Self.model(in: config) })
    if let caOut { try TextFile.write(emulator.authorityPEM, to: caOut) }
    let client = emulator.clientIdentity
    if let clientOut { try TextFile.write(client.certificate + client.key, to: clientOut, isPrivate: true) }
    if let kmsTokenOut { try TextFile.write("\(emulator.kmsToken)\n", to: kmsTokenOut, isPrivate: true) }
    announce(emulator)
    var received: CInt = 0
    sigwait(&signals, &received)
    emulator.stop()
  }

  private func announce(_ emulator: STSEmulator) {
    var text = "listening on https://\(listen.address):\(emulator.port)\n"
    if let control, let port = emulator.controlPort { text += "control on http://\(control.address):\(port)\n" }
    if let port = emulator.ossPort { text += "OSS on https://\(listen.address):\(port)\n" }
    if let ecs, let port = emulator.metadataPort { text += "ECS metadata on http://\(ecs.address):\(port)\n" }
    if let credentialsURI, let port = emulator.credentialsURIPort {
      text += "credentials on https://\(credentialsURI.address):\(port)\n"
    }
    if let kms, let port = emulator.kmsAgentPort { text += "KMS Agent on http://\(kms.address):\(port)\n" }
    // One unbuffered write, so that whoever reads the first line has all.
    _ = text.utf8CString.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count - 1) }
  }

  private static func model(in path: String) throws -> AccountModel {
    let text = try TextFile.read(path)
    do {
      return try AccountModel(toml: text)
    } catch {
      throw ValidationError("'\(path)': \(error)")
    }
  }
}

/// `ADDRESS:PORT` of a command line.
struct Endpoint: ExpressibleByArgument {
  let address: String
  let port: UInt16

  init(address: String, port: UInt16) {
    self.address = address
    self.port = port
  }

  init?(argument: String) {
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, let port = UInt16(parts[1]) else { return nil }
    self.init(address: String(parts[0]), port: port)
  }

  var defaultValueDescription: String { "\(address):\(port)" }
}

package import Core
import Glibc
import JSON
import LocalClient
import Secrets
import Wire

/// What answers at the loopback URI's addresses.
package struct LoopbackFindings {
  /// Who asks there for a role's credential, which is thrown away.
  package struct Asker {
    /// This process's user, as findings name it.
    let user: String
    /// A role that the user may read there.
    let role: RoleName

    package init(user: String, role: RoleName) { (self.user, self.role) = (user, role) }
  }

  package let findings: [Finding]
  private static let connectLimit: CInt = 1000
  private static let answerLimit = Duration.seconds(5)

  /// Without an asker it is only found out whether something listens; `nobody` are the words on why there is none.
  package init(_ addresses: [LoopbackAddress], asker: Asker?, nobody: String = "") {
    findings = addresses.map { address in
      let subject = "loopback URI http://\(address)"
      switch Self.connection(to: address) {
      case .success(let descriptor):
        guard let asker else {
          close(descriptor)
          return Finding(.ok, subject, "something listens there\(nobody)")
        }
        return Self.ask(asker, at: address, over: descriptor, subject)
      case .failure(let failure):
        return Finding(
          .failed, subject, "nothing can be had there: \(String(cString: strerror(failure.number)))",
          next: "see why it isn't served: rolekeeper status; it takes a drop-in of the unit: \(LoopbackDropIn.install)")
      }
    }
  }

  /// Asks as `user`, this process's, for what it may read there, if a session of that needn't be fetched.
  package init(_ addresses: [LoopbackAddress], user: String, _ right: LoopbackRight) {
    switch right {
    case .role(let role): self.init(addresses, asker: Asker(user: user, role: role))
    case .untried(let name):
      self.init(
        addresses, asker: nil,
        nobody: "; user '\(user)' may read \(name), which isn't tried, since a session might have to be issued")
    case .nothing:
      self.init(
        addresses, asker: nil, nobody: "; the allow of no role names user '\(user)' or one of its groups")
    }
  }

  // MARK: - Asking

  private static func ask(_ asker: Asker, at address: LoopbackAddress, over descriptor: CInt, _ subject: String)
    -> Finding
  {
    do throws(LocalClientError) {
      let answer = try LoopbackExchange.get(
        "/\(asker.role)?wait=0", host: "\(address)", over: descriptor, timeout: answerLimit)
      return judge(answer, asker, subject)
    } catch {
      let why =
        switch error {
        case .silent: "it doesn't answer within \(answerLimit.text)"
        case .failed(_, let number): String(cString: strerror(number))
        default: "what answers there isn't rolekeeperd"
        }
      return Finding(.failed, subject, why, next: whatListens)
    }
  }

  /// Judges the answer to a request for the asker's role.
  static func judge(_ answer: LocalClient.Answer, _ asker: Asker, _ subject: String) -> Finding {
    guard answer.status == 200 else {
      guard let problem = answer.body.withBytes({ try? Problem(parsing: $0) }) else {
        return Finding(
          .failed, subject, "what answers there isn't rolekeeperd (HTTP \(answer.status))", next: whatListens)
      }
      let (what, next) = SocketFindings.split(problem.detail)
      return Finding(
        .failed, subject, "refuses user '\(asker.user)' role \(asker.role) (HTTP \(answer.status)): \(what)",
        next: next ?? "see: rolekeeper status \(asker.role)")
    }
    guard isCredential(answer) else {
      return Finding(.failed, subject, "the answer there isn't a credential document", next: whatListens)
    }
    return Finding(.ok, subject, "gives user '\(asker.user)' the credential of role \(asker.role)")
  }

  /// Whether the SDKs that read ALIBABA_CLOUD_CREDENTIALS_URI take it: they insist on `Code` and the other four.
  private static func isCredential(_ answer: LocalClient.Answer) -> Bool {
    answer.body.withBytes { bytes in
      guard let document = try? JSONDocument(bytes), document.root["Code"]?.string() == "Success" else { return false }
      for name in ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"] {
        guard document.root[name]?.kind == .string else { return false }
      }
      return true
    }
  }

  private static let whatListens =
    "see what listens there: sudo ss -ltnp; and whether the daemon does: rolekeeper status"

  // MARK: - Connecting

  private struct ConnectFailure: Error { let number: CInt }

  /// A connected socket, or the error's number.
  private static func connection(to address: LoopbackAddress) -> Result<CInt, ConnectFailure> {
    let family = address.ipv4 == nil ? AF_INET6 : AF_INET
    let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(family, kind, 0)
    guard descriptor >= 0 else { return .failure(ConnectFailure(number: errno)) }
    let number = connect(descriptor, to: address)
    guard number != 0 else { return .success(descriptor) }
    close(descriptor)
    return .failure(ConnectFailure(number: number))
  }

  /// The error's number; 0 if there is a listener.
  private static func connect(_ descriptor: CInt, to address: LoopbackAddress) -> CInt {
    let result =
      if let bytes = address.ipv4 {
        connect(descriptor, sockaddr_in(bytes, port: address.port))
      } else {
        connect(descriptor, sockaddr_in6(loopbackPort: address.port))
      }
    guard result != 0 else { return 0 }
    guard errno == EINPROGRESS else { return errno }
    var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard Glibc.poll(&poll, 1, connectLimit) == 1 else { return ETIMEDOUT }
    var failure: CInt = 0
    var size = socklen_t(MemoryLayout<CInt>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 ? failure : errno
  }

  private static func connect<Address>(_ descriptor: CInt, _ address: Address) -> CInt {
    withUnsafeBytes(of: address) { bytes in
      Glibc.connect(
        descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
  }
}

extension sockaddr_in {
  fileprivate init(_ bytes: [UInt8], port: UInt16) {
    self.init()
    sin_family = sa_family_t(AF_INET)
    sin_port = port.bigEndian
    withUnsafeMutableBytes(of: &sin_addr) { $0.copyBytes(from: bytes) }
  }
}

extension sockaddr_in6 {
  fileprivate init(loopbackPort port: UInt16) {
    self.init()
    sin6_family = sa_family_t(AF_INET6)
    sin6_port = port.bigEndian
    sin6_addr = in6addr_loopback
  }
}

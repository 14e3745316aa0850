// In release builds <sys/socket.h> is visible only through the module that includes it with curl.h; SOCK_STREAM comes from there.
import CCurl
import Glibc

/// The result of a look-up.
enum NameAnswer: Sendable, Hashable {
  /// At least one, each as in a URL but without brackets, in the order in which they should be tried.
  case addresses([String])
  /// Why the name has no address, in half a sentence.
  case failure(String)
  /// Why the host's resolver gave no answer about the name, in half a sentence: it hangs, or no name server answered it.
  case unanswered(String)
  /// Why this host couldn't begin a look-up, in half a sentence.
  case notAsked(String)
}

/// The host's own resolver (nsswitch.conf(5)): files, name servers, whatever is configured.
enum SystemNames {
  /// Errors of getaddrinfo(3) that carry no information about the name: no name server could be asked, or none answered.
  private static let withoutAnswer = [EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_SYSTEM]

  /// Blocks, for as long as the host's resolver takes.
  static func lookUp(_ name: String) -> NameAnswer {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(name, nil, &hints, &list)
    guard code == 0 else {
      let number = errno
      let why = code == EAI_SYSTEM ? String(cString: strerror(number)) : String(cString: gai_strerror(code))
      return withoutAnswer.contains(code) ? .unanswered(why) : .failure(why)
    }
    defer { freeaddrinfo(list) }
    var addresses: [String] = []
    var next = list
    while let entry = next {
      if let text = text(entry.pointee), !addresses.contains(text) { addresses.append(text) }
      next = entry.pointee.ai_next
    }
    return addresses.isEmpty ? .failure("it has no address") : .addresses(addresses)
  }

  /// Nil for an address that is valid only on one of the host's links.
  private static func text(_ entry: addrinfo) -> String? {
    var text = [CChar](repeating: 0, count: 64)
    guard getnameinfo(entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else {
      return nil
    }
    let address = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return address.contains("%") ? nil : address
  }
}

import Glibc

/// The address of a Unix socket (unix(7)).
package struct UnixAddress {
  private var address = sockaddr_un()
  private let size: socklen_t

  /// A path of at most 107 bytes; a longer one throws.
  package init(path: String) throws {
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw StreamError(attempt: "use the path '\(path)' of a socket", number: ENAMETOOLONG)
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    size = socklen_t(MemoryLayout<sockaddr_un>.size)
  }

  /// An abstract name of at most 107 bytes; the kernel assigns one where it is nil (autobind).
  package init(abstract name: String?) {
    address.sun_family = sa_family_t(AF_UNIX)
    guard let name else {
      size = socklen_t(MemoryLayout<sa_family_t>.size)
      return
    }
    let bytes = [0] + Array(name.utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    size = socklen_t(MemoryLayout<sockaddr_un>.offset(of: \.sun_path)! + bytes.count)
  }

  /// As bind(2).
  package func bind(_ descriptor: CInt) -> CInt {
    withPointer { Glibc.bind(descriptor, $0, size) }
  }

  /// As connect(2).
  package func connect(_ descriptor: CInt) -> CInt {
    withPointer { Glibc.connect(descriptor, $0, size) }
  }

  private func withPointer(_ call: (UnsafePointer<sockaddr>) -> CInt) -> CInt {
    withUnsafePointer(to: address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1, call) }
  }
}

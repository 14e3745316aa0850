import TestSupport

/// Certificates of many hosts as nginx passes them on, all made from one in which the host's number is replaced wherever it is. Their
/// signatures are wrong then; it is for the proxy to check them, and it is said to have done so.
struct HostHeaders {
  /// In how many parts hosts are, each with the next digit in its name.
  static let parts = 5
  /// The host of the certificate that the others are made from.
  static let firstHost = name(of: 0)
  /// The part of a name that differs from another host's.
  private static let numberSize = name(of: 0).utf8.count - domain.utf8.count
  private static let domain = ".prod.example"

  /// In DER.
  private let certificate: [UInt8]
  /// Where hosts' numbers are in it.
  private let places: [Int]

  /// `path` is the file of the first host's certificate.
  init(certificate path: String) throws {
    let read = try ChildProcess.run([
      "/bin/sh", "-c", #"openssl x509 -in "$0" -outform DER | od -An -v -tu1"#, path,
    ])
    certificate = read.output.split { $0 == " " || $0 == "\n" }.compactMap { UInt8($0) }
    let mark = Array(Self.firstHost.utf8.prefix(Self.numberSize))
    let bytes = certificate
    places = bytes.indices.dropLast(mark.count).filter { bytes[$0..<$0 + mark.count].elementsEqual(mark) }
    guard !places.isEmpty else {
      throw BenchError("'\(path)' isn't a certificate of \(Self.firstHost): \(read.errors)")
    }
  }

  /// How large each certificate is in DER, in bytes.
  var size: Int { certificate.count }

  /// The name of a host, whose number has six digits at most.
  static func name(of number: Int) -> String {
    let digits = "\(number)"
    return "host-\(String(repeating: "0", count: 6 - digits.count))\(digits).g\(number % parts)\(domain)"
  }

  /// The header's value for a host: PEM, percent-encoded.
  subscript(_ number: Int) -> [UInt8] {
    var der = certificate
    let mark = Self.name(of: number).utf8.prefix(Self.numberSize)
    for place in places { der.replaceSubrange(place..<place + Self.numberSize, with: mark) }
    var text = Array("-----BEGIN%20CERTIFICATE-----%0A".utf8)
    for start in stride(from: 0, to: der.count, by: Self.lineSize) {
      Self.append(der[start..<min(start + Self.lineSize, der.count)], to: &text)
      text += Self.lineEnd
    }
    return text + "-----END%20CERTIFICATE-----%0A".utf8
  }

  /// The bytes in a line of 64 digits.
  private static let lineSize = 48
  private static let lineEnd = Array("%0A".utf8)
  /// Base64's digits, as they are in a URL.
  private static let digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".map { Array("\($0)".utf8) }
    + [Array("%2B".utf8), Array("%2F".utf8)]
  private static let padding = Array("%3D".utf8)

  private static func append(_ bytes: ArraySlice<UInt8>, to text: inout [UInt8]) {
    for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.endIndex)]
      let bits = (0..<3).reduce(0) { $0 << 8 | ($1 < group.count ? Int(group[start + $1]) : 0) }
      for place in 0..<4 { text += place <= group.count ? digits[bits >> (18 - 6 * place) & 63] : padding }
    }
  }
}

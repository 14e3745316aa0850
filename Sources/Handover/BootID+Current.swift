import Glibc

extension BootID {
  /// The environment variable that the unit sets to it (`%b`, systemd.unit(5)): with ProcSubset=pid, the kernel's own
  /// file isn't visible.
  package static let variable = "ROLEKEEPER_BOOT_ID"

  /// The ID of this boot; nil if it can't be determined.
  package static var current: BootID? {
    if let value = getenv(variable), let boot = BootID(String(cString: value)) { return boot }
    var text = [UInt8](repeating: 0, count: 64)
    let descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let count = read(descriptor, &text, text.count)
    return count > 0 ? BootID(String(decoding: text.prefix(count).filter { $0 > 0x20 }, as: UTF8.self)) : nil
  }
}

import Glibc
import Synchronization

/// A thread whose mounts nobody else sees (mount_namespaces(7)). Needs root.
package enum PrivateMounts {
  /// Runs `body` on such a thread and waits for it; threads made in there see the same mounts, and these go with the last of them.
  package static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
    let work = Work {
      Result {
        try enter(); return try body()
      }
    }
    var thread = pthread_t()
    let started = pthread_create(
      &thread, nil,
      { work in
        Unmanaged<AnyWork>.fromOpaque(work!).takeUnretainedValue().run()
        return nil
      }, Unmanaged<AnyWork>.passUnretained(work).toOpaque())
    guard started == 0 else { throw MountError(attempt: "start a thread", number: started) }
    pthread_join(thread, nil)
    return try work.result.withLock { $0! }.get()
  }

  /// Mounts a file system of `size` bytes in memory over `directory`.
  package static func mountMemory(over directory: String, size: Int) throws {
    try check(mount("tmpfs", directory, "tmpfs", 0, "size=\(size),mode=755"), "mount over \(directory)")
  }

  /// Lets the file system mounted at `directory` be read only.
  package static func makeReadOnly(_ directory: String) throws {
    let remount: UInt = 0x20 | 0x1  // MS_REMOUNT | MS_RDONLY
    try check(mount(nil, directory, nil, remount, nil), "remount \(directory)")
  }

  /// Lets the file system mounted at `directory` be written to again.
  package static func makeWritable(_ directory: String) throws {
    let remount: UInt = 0x20  // MS_REMOUNT
    try check(mount(nil, directory, nil, remount, nil), "remount \(directory)")
  }

  /// Lets `path` show the file `other`.
  package static func show(_ other: String, at path: String) throws {
    let bind: UInt = 0x1000  // MS_BIND
    try check(mount(other, path, nil, bind, nil), "mount over \(path)")
  }

  package static func unmount(_ directory: String) throws {
    try check(umount(directory), "unmount \(directory)")
  }

  private static func enter() throws {
    // Swift's Glibc module doesn't have it, since it needs _GNU_SOURCE.
    typealias Unshare = @convention(c) (CInt) -> CInt
    guard let symbol = dlsym(nil, "unshare") else { throw MountError(attempt: "find unshare", number: ENOSYS) }
    let newMounts: CInt = 0x20000  // CLONE_NEWNS
    try check(unsafeBitCast(symbol, to: Unshare.self)(newMounts), "leave the common mounts")
    let privately: UInt = 0x4000 | 0x40000  // MS_REC | MS_PRIVATE
    try check(mount(nil, "/", nil, privately, nil), "keep mounts private")
  }

  private static func check(_ result: CInt, _ attempt: String) throws {
    if result != 0 { throw MountError(attempt: attempt, number: errno) }
  }
}

private class AnyWork {
  func run() {}
}

private final class Work<Value: Sendable>: AnyWork {
  let result = Mutex<Result<Value, any Error>?>(nil)
  private let body: @Sendable () -> Result<Value, any Error>

  init(_ body: @escaping @Sendable () -> Result<Value, any Error>) { self.body = body }

  override func run() {
    let value = body()
    result.withLock { $0 = value }
  }
}

private struct MountError: Error, CustomStringConvertible {
  let attempt: String
  let number: CInt

  var description: String { "cannot \(attempt): \(String(cString: strerror(number)))" }
}

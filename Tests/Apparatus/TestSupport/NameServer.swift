import Glibc
import Synchronization

/// A name server on a loopback address, port 53, by which every name is 127.0.0.1; it can fall silent. Needs root.
///
/// A thread of its own answers; it ends with the value.
package final class NameServer {
  private let answers: NameAnswers
  private let thread: pthread_t

  /// A loopback address for a name server of this process's tests, another for each number: port 53 of one address can be had once on a
  /// machine, and others may run the same tests beside these.
  package static func address(_ number: UInt8) -> String {
    let process = UInt32(getpid())
    return "127.\(process >> 8 & 0xFF).\(process & 0xFF).\(number)"
  }

  package init(at address: String) throws {
    let answers = try NameAnswers(at: address)
    var thread = pthread_t()
    let started = pthread_create(
      &thread, nil,
      { answers in
        Unmanaged<NameAnswers>.fromOpaque(answers!).takeRetainedValue().answer()
        return nil
      }, Unmanaged.passRetained(answers).toOpaque())
    guard started == 0 else { throw StreamError(attempt: "start a name server", number: started) }
    self.answers = answers
    self.thread = thread
  }

  /// Whether it answers; questions that come meanwhile are lost.
  package var isAlive: Bool {
    get { answers.isAlive.load(ordering: .relaxed) }
    set { answers.isAlive.store(newValue, ordering: .relaxed) }
  }

  /// How many questions went unanswered.
  package var ignored: Int { answers.ignored.load(ordering: .relaxed) }

  deinit {
    answers.isOver.store(true, ordering: .relaxed)
    // Wakes the thread; on Linux that holds for a socket that isn't connected, too.
    shutdown(answers.descriptor, CInt(SHUT_RDWR))
    pthread_join(thread, nil)
  }
}

private final class NameAnswers: Sendable {
  let descriptor: CInt
  let isAlive = Atomic(true)
  let isOver = Atomic(false)
  let ignored = Atomic(0)

  init(at text: String) throws {
    descriptor = socket(AF_INET, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(53).bigEndian
    inet_pton(AF_INET, text, &address.sin_addr)
    let bound = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard bound == 0 else { throw StreamError(attempt: "listen for names at \(text)", number: errno) }
  }

  deinit { close(descriptor) }

  func answer() {
    var question = [UInt8](repeating: 0, count: 512)
    while !isOver.load(ordering: .relaxed) {
      var peer = sockaddr_in()
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      withUnsafeMutablePointer(to: &peer) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { peer in
          let count = recvfrom(descriptor, &question, question.count, 0, peer, &size)
          guard count > 0, let reply = Self.reply(to: question[..<count]) else { return }
          if isAlive.load(ordering: .relaxed) {
            _ = sendto(descriptor, reply, reply.count, 0, peer, size)
          } else {
            ignored.add(1, ordering: .relaxed)
          }
        }
      }
    }
  }

  /// An answer as RFC 1035, section 4, lays it out: the question again, and for an A record 127.0.0.1.
  private static func reply(to question: ArraySlice<UInt8>) -> [UInt8]? {
    guard question.count > 12, let nameEnd = question.dropFirst(12).firstIndex(of: 0), question.count >= nameEnd + 5
    else { return nil }
    let isAddress = question[nameEnd + 1] == 0 && question[nameEnd + 2] == 1
    // The question's number; an answer, recursion available, no error; one question, and one answer or none.
    var reply = Array(question[..<2]) + [0x81, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0]
    reply += question[12..<(nameEnd + 5)]
    // The name above, type A, class IN, to be kept for no time, four bytes.
    if isAddress { reply += [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1] }
    return reply
  }
}

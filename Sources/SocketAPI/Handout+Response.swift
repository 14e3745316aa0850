package import Core
package import HTTPServer
import Refresh
import Secrets

extension Handout {
  /// The answer to a read at `now`; nil once it has lapsed. Below the floor it says so in a header.
  package func response(at now: Timestamp, heads: inout HandoutHeads) -> Response? {
    guard now < lapses else { return nil }
    guard isBelowFloor(at: now) else { return Response(head: head(heads: &heads), body: document) }
    let remaining = (session.expires - now).wholeSeconds
    let fields = HandoutHeads.fields(generation) + "Rolekeeper-Below-Floor: \(remaining)\r\n"
    return Response(head: Answer.head(status: 200, type: .json, length: document.count, fields: fields), body: document)
  }

  private func head(heads: inout HandoutHeads) -> PlainBytes {
    if let attachment { return unsafeDowncast(attachment, to: PlainBytes.self) }
    let head = heads.head(length: document.count, generation: generation)
    attachment = head
    return head
  }
}

/// The heads of the answers with a credential. Those of roles whose documents are equally long are the same, and one is kept.
package struct HandoutHeads {
  private var latest: (length: Int, generation: UInt64?, head: PlainBytes)?

  mutating func head(length: Int, generation: UInt64?) -> PlainBytes {
    if let latest, latest.length == length, latest.generation == generation { return latest.head }
    let head = Answer.head(status: 200, type: .json, length: length, fields: Self.fields(generation))
    latest = (length, generation, head)
    return head
  }

  static func fields(_ generation: UInt64?) -> String {
    generation.map { "Rolekeeper-Generation: \($0)\r\n" } ?? ""
  }
}

extension Secret: ResponseBytes {
  // A result of some type, here a count, tells the generic method of the same name from this one, which can't be its own witness.
  package func withBytes(_ body: (Span<UInt8>) -> Void) {
    let _: Int = withBytes { bytes in
      body(bytes)
      return bytes.count
    }
  }
}

package import Core
package import HTTPServer
import Refresh
import Secrets
import Wire

extension Handout {
  /// The answer to a read at `now`; nil once it has lapsed. Below the floor a header has the remaining time.
  package func response(at now: Timestamp, heads: inout HandoutHeads) -> Response? {
    guard now < lapses else { return nil }
    guard isBelowFloor(at: now) else { return Response(head: head(heads: &heads), body: document) }
    let remaining = (session.expires - now).wholeSeconds
    let fields = HandoutHeads.fields(generation) + "Rolekeeper-Below-Floor: \(remaining)\r\n"
    return Response(head: Answer.head(status: 200, type: .json, length: document.count, fields: fields), body: document)
  }

  /// The same in a format of the loopback URI.
  func response(
    as format: CredentialFormat, of role: RoleName, at now: Timestamp, heads: inout HandoutHeads
  ) -> Response? {
    if format == .json { return response(at: now, heads: &heads) }
    guard now < lapses else { return nil }
    do throws(FormatError) {
      let text = try rendered(as: format, for: role)
      let fields = HandoutHeads.fields(generation)
      return Response(head: Answer.head(status: 200, type: .json, length: text.count, fields: fields), body: text)
    } catch {
      // No format of the URI refuses a text that a credential can have.
      return nil
    }
  }

  private func head(heads: inout HandoutHeads) -> PlainBytes {
    if let attachment { return unsafeDowncast(attachment, to: PlainBytes.self) }
    let head = heads.head(length: document.count, generation: generation)
    attachment = head
    return head
  }
}

/// The heads of answers with a credential. Roles whose documents have the same length share a head, which is cached.
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
  // The result type, here a count, distinguishes this call from the generic method of the same name, which can't be its own
  // witness.
  package func withBytes(_ body: (Span<UInt8>) -> Void) {
    let _: Int = withBytes { bytes in
      body(bytes)
      return bytes.count
    }
  }
}

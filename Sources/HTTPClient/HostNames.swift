/// This host's resolver, for commands that report how it does.
package enum HostNames {
  /// Why a name has no address, in half a sentence.
  package struct Unresolved: Error, Hashable, Sendable {
    package let why: String
  }

  /// The addresses of `name`, in the order in which they should be tried. Blocks for as long as the resolver takes.
  package static func addresses(of name: String) -> Result<[String], Unresolved> {
    switch SystemNames.lookUp(name) {
    case .addresses(let addresses): .success(addresses)
    case .failure(let why), .unanswered(let why), .notAsked(let why): .failure(Unresolved(why: why))
    }
  }

  /// Whether `host`, as in a URL, is an address, which nobody looks up.
  package static func isAddress(_ host: String) -> Bool { HostToLookUp(url: "https://\(host)/") == nil }
}

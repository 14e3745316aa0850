import Testing

@testable import Settings

/// Paths are taken apart where the kernel does it: at each slash, whatever comes after it.
@Suite struct PathTextTests {
  @Test func `a path has one form`() {
    for (text, normal) in [
      ("/", "/"), ("/a", "/a"), ("//a//./b/", "/a/b"), ("/.a/..b", "/.a/..b"), ("/a/\u{301}b/", "/a/\u{301}b"),
      ("/a/.\u{301}/b", "/a/.\u{301}/b"), ("/a/./\u{301}b", "/a/\u{301}b"),
    ] { #expect(PathText.normal(text)?.utf8.elementsEqual(normal.utf8) == true, "\(text)") }
    #expect(PathText.normal("b", in: "/a") == "/a/b" && PathText.normal("/b", in: "/a") == "/b")
    #expect(PathText.normal("/\u{301}b", in: "/a")?.utf8.elementsEqual("/\u{301}b".utf8) == true)
  }

  /// The last ones passed: to Swift a slash with a combining character after it is one character.
  @Test(arguments: ["", "a", "/a/..", "/../a", "/a\n", "/a\0b", "/a/../\u{301}b", "/..\u{2F}\u{FE0F}b"])
  func `a path that is relative or ambiguous has none`(_ text: String) {
    #expect(PathText.normal(text) == nil)
  }

  @Test func `name and directory are divided by the last slash`() {
    for (path, directory, name) in [
      ("/a/b", "/a", "b"), ("/b", "/", "b"), ("/a/\u{301}b", "/a", "\u{301}b"), ("/\u{301}b", "/", "\u{301}b"),
    ] {
      #expect(PathText.directory(of: path).utf8.elementsEqual(directory.utf8), "\(path)")
      #expect(PathText.name(of: path).utf8.elementsEqual(name.utf8), "\(path)")
    }
    #expect(!PathText.isFileName("a/\u{301}b") && !PathText.isFileName("..") && PathText.isFileName("b\u{301}"))
  }

  @Test func `a credential of systemd's is recognised by its whole path alone`() {
    #expect(CredentialsDirectory.holds("/run/credentials/x.service/key", own: nil))
    for path in [
      "/run/credentials/x.service/../key", "/run/credentials/../\u{301}x/key",
      "/run/credentials/x.service/y/\u{301}key",
      "/run/credentials//key", "/run/credentials/x.service/", "/run/credentials/key",
    ] { #expect(!CredentialsDirectory.holds(path, own: nil), "\(path)") }
  }
}

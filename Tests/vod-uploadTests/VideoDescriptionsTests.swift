import CloudAPI
import TestSupport
import Testing
import Upload

@testable import vod_upload

@Suite struct VideoDescriptionsTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func file(_ name: String) -> VideoFile {
    let path = directory.path(name)
    let identity = FileIdentity(size: 7, modified: 0, inode: 1, device: 1)
    return VideoFile(path: path, resolvedPath: path, identity: identity)
  }

  @Test func `by default a file is described by its name and size`() throws {
    let details = try VideoDescriptions(options: VideoMetadata(), titles: nil).details(of: file("Opening night.mp4"))
    #expect(details.draft.title == "Opening night" && details.draft.fileName == "Opening night.mp4")
    #expect(details.draft.fileSize == 7 && details.draft.tags.isEmpty && details.draft.description == nil)
  }

  @Test func `titles take precedence over the sidecar, and that over the options`() throws {
    var options = VideoMetadata()
    options.title = "option"
    options.description = "of all"
    options.tags = ["one"]
    let first = file("first.mp4")
    let second = file("second.mp4")
    _ = try directory.write(#"{"title": "sidecar", "tags": ["two"]}"#, to: "first.mp4.json")
    let titles = try directory.write("\(first.path)\tlisted\n", to: "titles.tsv")
    let listed = VideoDescriptions(options: options, titles: try TitleList.read(titles))
    let plain = VideoDescriptions(options: options, titles: nil)
    #expect(try listed.details(of: first).draft.title == "listed")
    #expect(try plain.details(of: first).draft.title == "sidecar")
    #expect(try plain.details(of: first).draft.tags == ["two"])
    #expect(try plain.details(of: first).draft.description == "of all")
    #expect(try listed.details(of: second).draft.title == "option")
  }

  @Test func `a value that VOD wouldn't accept is the file's error, with what is allowed`() throws {
    let long = file(String(repeating: "x", count: 129) + ".mp4")
    do {
      _ = try VideoDescriptions(options: VideoMetadata(), titles: nil).details(of: long)
      Issue.record("129 characters were taken")
    } catch {
      #expect(error.error == "'Title' has 129 characters; allowed are 1 to 128 characters")
      #expect(error.fix == "change it in the sidecar, by --titles or by --title, and run again")
    }
  }

  /// A title has no part in that.
  @Test func `for a name that VOD wouldn't accept, the fix is to rename the file`() throws {
    var options = VideoMetadata()
    // The title that is made of the name is refused first, and another one was named as the remedy.
    for title in ["title", nil] {
      options.title = title
      do {
        _ = try VideoDescriptions(options: options, titles: nil).details(of: file("a\tb.mp4"))
        Issue.record("a tab was taken")
      } catch {
        #expect(error.error.hasPrefix("'FileName' ") && error.fix == "rename the file, and run again")
      }
    }
  }

  @Test func `a sidecar that can't be read is the file's error`() throws {
    _ = try directory.write(#"{"titel": "x"}"#, to: "clip.mp4.json")
    do {
      _ = try VideoDescriptions(options: VideoMetadata(), titles: nil).details(of: file("clip.mp4"))
      Issue.record("it was read")
    } catch {
      #expect(error.error.contains("line 1: unknown key 'titel'; did you mean 'title'?"))
    }
  }
}

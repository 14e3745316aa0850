import Glibc
import TestSupport
import Testing

@Suite struct DemoTests {
  private static let script =
    "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/docs/demo/run"

  /// Runs the words behind it on a terminal of their own (script(1)) whose keyboard is the pipe that is made at `$0`.
  private static let terminal =
    "mkfifo \"$0\" && exec 3<>\"$0\" && exec script --quiet --return --flush --command \"exec $1\" /dev/null <&3 3<&-"

  private static let names = ["one.mp4", "two.mp4", "three.mp4"]

  @Test func `on a terminal the demo shows its roles until control-C, and then uploads three videos`() throws {
    let directory = try TemporaryDirectory()
    let keyboard = directory.path("keyboard")
    let demo = try ChildProcess(
      ["/bin/sh", "-c", Self.terminal, keyboard, Self.script],
      environment: [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "xterm", "ROLEKEEPER_PROGRAMS": Programs.directory,
      ], in: directory, named: "demo")
    try eventually("the demo shows the roles", within: 120) {
      let parts = demo.output.split(separator: "three videos are uploaded", maxSplits: 1)
      return parts.count == 2 && ["uploader", "reports"].allSatisfy(parts[1].contains) || demo.statusIfEnded != nil
    }
    _ = try ChildProcess.run(["/bin/sh", "-c", "printf '\\003' >\"$0\"", keyboard])
    #expect(demo.wait() == 0, "\(demo.output)")
    let uploads = demo.output.split(separator: "demo: uploading three videos", maxSplits: 1).last ?? ""
    let ids = Set(uploads.matches(of: /VideoId: ([0-9a-f]+)/).map(\.1))
    #expect(ids.count == 3 && Self.names.allSatisfy(uploads.contains), "\(uploads)")
    #expect(uploads.matches(of: /UploadAddress: oss:/).count == 3, "\(uploads)")
    #expect(uploads.matches(of: /CRC64 checked/).count == 3 && uploads.contains("3 files: 3 uploaded"), "\(uploads)")
    // The line of the batch, which only a terminal gets.
    #expect(uploads.contains(/[0-9]+\/[0-9]+ files/), "\(uploads)")
    #expect(uploads.contains("demo: ended"), "\(uploads)")
  }
}

import Laboratory
import TestNeeds
import TestSupport
import Testing

/// The man pages and the shells' completions, which are made of what the programs say of themselves (Tests/Tools/manual).
@Suite struct ManualTests {
  private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  @Test func `the pages and completions are those of the built programs and the settings file`() throws {
    let check = try ChildProcess.run(["\(Self.root)/Tests/Tools/manual/manual", "--check", Programs.directory])
    #expect(check.status == 0 && check.output == "", "run make manual: \(check.output)\(check.errors)")
  }

  @Test(arguments: ["rolekeeper.1", "rolekeeperd.8", "vod-upload.1", "sts-emulator.1", "rolekeeper.toml.5"])
  func `groff has nothing to warn of in a page`(page: String) throws {
    let run = try ChildProcess.run(
      ["/usr/bin/groff", "-man", "-ww", "-Tutf8", "-z", "\(Self.root)/docs/man/\(page)"])
    #expect(run.status == 0 && run.errors == "", "\(run.errors)")
  }

  struct Completion: CustomTestStringConvertible {
    let words: [String]
    let proposals: String

    init(_ words: String..., proposals: String) {
      self.words = words
      self.proposals = proposals
    }

    var testDescription: String { words.joined(separator: " ") }
  }

  /// bash takes the equals sign for a word of its own.
  private static let completions = [
    Completion("rolekeeper", "re", proposals: "reload refresh report"),
    Completion("rolekeeper", "get", "", proposals: "reports uploader"),
    Completion("rolekeeper", "--timeout", "2s", "wait", "up", proposals: "uploader"),
    Completion("rolekeeper", "get", "uploader", "--f", proposals: "--format --field"),
    Completion("rolekeeper", "get", "--template", "/etc/os-relea", proposals: "/etc/os-release"),
    Completion(
      "rolekeeper", "get", "--format", "",
      proposals: "json env env-file aws aws-process aws-container odps ossutil aliyun-cli"),
    Completion("rolekeeper", "get", "--format", "=", "e", proposals: "env env-file"),
    Completion("rolekeeper", "get", "--field", "access", proposals: "access_key_id access_key_secret"),
    Completion("rolekeeper", "get", "--output", "/etc/os-relea", proposals: "/etc/os-release"),
    Completion("rolekeeper", "reload", "--a", proposals: "--allow-removal"),
    Completion("rolekeeper", "reload", "", proposals: ""),
    Completion("rolekeeper", "policy", "", proposals: "test"),
    Completion("rolekeeper", "policy", "test", "", proposals: "reports uploader"),
    Completion("rolekeeper", "policy", "test", "up", proposals: "uploader"),
    Completion("rolekeeper", "policy", "test", "uploader", "", proposals: ""),
    Completion("rolekeeper", "source", "te", proposals: "test"),
    Completion("rolekeeper", "source", "test", "/etc/os-relea", proposals: "/etc/os-release"),
    Completion("rolekeeper", "policy", "--s", proposals: "--scope"),
    Completion("rolekeeper", "source", "test", "--source", "root", proposals: ""),
    Completion("rolekeeper", "doctor", "--as", "roo", proposals: "root"),
    Completion("rolekeeper", "check", "--config", "/etc/os-relea", proposals: "/etc/os-release"),
    Completion("rolekeeperd", "--c", proposals: "--config --check"),
    Completion("vod-upload", "--role", "", proposals: "reports uploader"),
    Completion("vod-upload", "--signature", "", proposals: "v4 v1"),
    Completion("sts-emulator", "--o", proposals: "--objects --oss-port"),
  ]

  @Test(arguments: completions)
  func `bash proposes a program's commands, options, values and roles`(_ completion: Completion) throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    if completion.proposals.contains("uploader") { try lab.start() }
    let script = """
      compopt() { :; }
      . "$1"
      shift
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
      _${1//-/_}
      printf '%s\\n' "${COMPREPLY[*]}"
      """
    let file = "\(Self.root)/docs/completions/bash/\(completion.words[0])"
    let run = try ChildProcess.run(
      ["/bin/bash", "-c", script, "bash", file] + completion.words,
      environment: ["PATH": "\(Programs.directory):/usr/bin:/bin", "ROLEKEEPER_SOCKET": lab.draft.socketPath])
    #expect(run.errors == "")
    let proposals = run.output.split(separator: "\n").first.map(String.init) ?? ""
    #expect(proposals.split(separator: " ").sorted() == completion.proposals.split(separator: " ").sorted())
  }

  /// What another shell proposes for the same words: `command` gets the line as its last argument.
  private func expect(_ completion: Completion, from command: [String]) throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    if completion.proposals.contains("uploader") { try lab.start() }
    let line = completion.words.joined(separator: " ").replacing(" = ", with: "=")
    let run = try ChildProcess.run(
      ["/usr/bin/timeout", "60"] + command + [line],
      environment: [
        "PATH": "\(Programs.directory):/usr/bin:/bin", "ROLEKEEPER_SOCKET": lab.draft.socketPath, "TERM": "xterm",
        "HOME": lab.directory.path,
      ])
    #expect(run.errors == "")
    // zsh proposes a file's name alone, fish has its meaning behind a proposal, and either writes an option's value behind the option.
    let proposals = run.output.split(separator: "\n").map { proposal in
      proposal.prefix { $0 != "\t" }.split { "/=".contains($0) }.last ?? ""
    }
    let expected = completion.proposals.split(separator: " ").map { $0.split(separator: "/").last ?? "" }
    #expect(Set(proposals) == Set(expected), "\(line)")
  }

  @Test(.needs(.shells), arguments: ["zsh", "fish"], completions)
  func `other shells propose the same`(_ shell: String, _ completion: Completion) throws {
    let directory = "\(Self.root)/docs/completions/\(shell)"
    if shell == "fish" {
      let script = "source \(directory)/\(completion.words[0]).fish; complete -C $argv[1]"
      try expect(completion, from: ["/usr/bin/fish", "--no-config", "-c", script])
    } else if !completion.proposals.isEmpty {
      // Where there is nothing else zsh proposes options.
      try expect(completion, from: ["\(Self.root)/Tests/Tools/complete.zsh", directory])
    }
  }
}

import SystemBox
import Testing

extension UnderSystemd {
  @Suite struct ReaderTests {
    @Test(arguments: Release.all)
    func `one of the clients' group whom the role allows reads it`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let credential = try service.credential("uploader", as: "reader")
      #expect(credential.keyID.hasPrefix("STS."))
      #expect(!credential.secret.isEmpty && !credential.token.isEmpty)
      let tool = try service.box.run(["rolekeeper", "get", "uploader"], as: "reader")
      #expect(Credential(document: tool.output) == credential)
    }

    @Test func `one of the clients' group whom the role doesn't allow is told so`() throws {
      let service = try Service()
      try service.start()
      for (user, role) in [("outsider", "uploader"), ("reader", "backup")] {
        let answer = try service.request("/v1/roles/\(role)/credentials", as: user)
        #expect(answer.output.hasSuffix("403"))
        #expect(answer.output.contains("roles.\(role).allow"))
        let tool = try service.box.run(["rolekeeper", "get", role], as: user)
        #expect(tool.status == 1 && tool.output == "" && tool.errors.contains("allow"))
      }
      #expect(try !service.request("/v1/roles", as: "outsider").output.contains("uploader"))
    }

    @Test(arguments: Release.all)
    func `one outside of the clients' group can't even connect`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let curl = try service.request("/healthz", as: "stranger")
      #expect(curl.status == 7 && curl.output == "000")
      let tool = try service.box.run(["rolekeeper", "get", "uploader"], as: "stranger")
      #expect(tool.status == 3 && tool.output == "")
      #expect(tool.errors.contains("sudo usermod -aG rolekeeper-clients stranger"))
    }

    @Test func `only administrators refresh, reload and see the whole`() throws {
      let service = try Service()
      try service.start()
      for path in ["/v1/status", "/metrics"] {
        #expect(try service.request(path, as: "reader").output.hasSuffix("403"))
        #expect(try service.request(path).output.hasSuffix("200"))
      }
      for words in [["reload"], ["refresh", "uploader"]] {
        #expect(try service.box.run(["rolekeeper"] + words, as: "reader").status == 1)
        #expect(try service.box.run(["rolekeeper"] + words).status == 0)
      }
    }
  }
}

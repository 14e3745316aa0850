import JSON

extension EmulatorProcess {
  /// A video that CreateUploadVideo made.
  package struct Video: Sendable {
    package let id: String
    package let title: String
    package let fileName: String
    package let key: String
    /// How often its object was finished.
    package let writes: Int
    /// Empty when it wasn't sent.
    package let userData: String
  }

  /// In the order in which they were made.
  package func videos() throws -> [Video] {
    var videos: [Video] = []
    let text = Array(try ask("GET", "/videos").utf8)
    try JSONDocument(text.span).root["videos"]?.forEachItem { video in
      videos.append(
        Video(
          id: video["video_id"]?.string() ?? "", title: video["title"]?.string() ?? "",
          fileName: video["file_name"]?.string() ?? "", key: video["key"]?.string() ?? "",
          writes: Int(video["writes"]?.int ?? 0), userData: video["parameters"]?["UserData"]?.string() ?? ""))
    }
    return videos
  }

  /// How many calls of an action of STS or VOD arrived; with one result where that is given.
  package func calls(to action: String, result: String? = nil) throws -> Int {
    var sum: Int64 = 0
    let text = Array(try ask("GET", "/requests").utf8)
    try JSONDocument(text.span).root["counts"]?.forEachItem { line in
      guard line["action"]?.string() == action, result == nil || line["result"]?.string() == result else { return }
      sum += line["count"]?.int ?? 0
    }
    return Int(sum)
  }

  /// By which AccessKeyIds the latest 1000 calls of an action were signed.
  package func signers(of action: String) throws -> Set<String> {
    var signers: Set<String> = []
    let text = Array(try ask("GET", "/requests/recent").utf8)
    try JSONDocument(text.span).root["requests"]?.forEachItem { call in
      if call["action"]?.string() == action, let key = call["access_key_id"]?.string() { signers.insert(key) }
    }
    return signers
  }

  /// The numbers of the faults in force.
  package func faultsInForce() throws -> [Int] {
    var numbers: [Int] = []
    let text = Array(try ask("GET", "/faults").utf8)
    try JSONDocument(text.span).root["faults"]?.forEachItem { fault in
      if let id = fault["id"]?.int { numbers.append(Int(id)) }
    }
    return numbers
  }
}

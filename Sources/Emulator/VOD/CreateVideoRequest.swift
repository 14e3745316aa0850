/// The checked parameters of CreateUploadVideo (the vendor's API reference, CreateUploadVideo, and its Python package
/// alibabacloud-vod20170321 3.12.1).
struct CreateVideoRequest: Sendable {
  private static let optional = [
    "AppId", "CateId", "CoverURL", "Description", "EnableFirstFrameCover", "GenerateThumbnail", "StorageLocation",
    "Tags", "TemplateGroupId", "UserData", "WorkflowId",
  ]

  let title: String
  let fileName: String
  /// Without its dot, in lower case.
  let fileExtension: String
  let fileSize: Int64?
  let referenceID: String?
  let storageLocation: String?
  /// The other parameters that were sent, by name.
  let details: [(name: String, value: String)]

  init(_ parameters: Parameters, settings: VODSettings) throws(Refusal) {
    let given = Given(parameters: parameters, countsBytes: settings.countsBytes)
    title = try given.required("Title")
    fileName = try given.required("FileName")
    guard let fileExtension = MediaExtension(of: fileName) else { throw .fileExtension }
    self.fileExtension = fileExtension.text
    try given.checkText("Title", limit: 128)
    try given.checkText("Description", limit: 1024)
    try given.checkTags()
    fileSize = try given.number("FileSize")
    _ = try given.number("CateId")
    for name in ["EnableFirstFrameCover", "GenerateThumbnail"] { try given.checkFlag(name) }
    referenceID = try given.referenceID()
    try given.checkUserData()
    storageLocation = given["StorageLocation"]
    if let storageLocation, !settings.storageLocations.contains(storageLocation) { throw .noSuchStorage }
    if let group = given["TemplateGroupId"], !settings.templateGroups.contains(group) { throw .noSuchTemplateGroup }
    details = Self.optional.compactMap { name in given[name].map { (name: name, value: $0) } }
  }
}

/// The parameters as sent; an empty one counts as omitted.
private struct Given {
  let parameters: Parameters
  let countsBytes: Bool

  subscript(name: String) -> String? { parameters[name].flatMap { $0.isEmpty ? nil : $0 } }

  func required(_ name: String) throws(Refusal) -> String {
    guard let text = self[name] else { throw .missing(name) }
    return text
  }

  func checkText(_ name: String, limit: Int) throws(Refusal) {
    guard let text = self[name] else { return }
    try check(text, of: name, limit: limit)
  }

  func checkTags() throws(Refusal) {
    let tags = self["Tags"]?.split(separator: ",", omittingEmptySubsequences: false) ?? []
    guard tags.count <= 16 else { throw .tooManyTags }
    for tag in tags { try check(String(tag), of: "Tags", limit: 32) }
  }

  /// Nil if it is missing; never negative.
  func number(_ name: String) throws(Refusal) -> Int64? {
    guard let text = self[name] else { return nil }
    guard text.utf8.allSatisfy(RoleReference.isDigit), let number = Int64(text) else { throw .wronglyFormed(name) }
    return number
  }

  func checkFlag(_ name: String) throws(Refusal) {
    guard ["true", "false", nil].contains(self[name]?.lowercased()) else { throw .wronglyFormed(name) }
  }

  func referenceID() throws(Refusal) -> String? {
    guard let id = self["ReferenceId"] else { return nil }
    guard VideoReference.isWellFormed(id) else { throw .wronglyFormed("ReferenceId") }
    return id
  }

  /// Must be a JSON object; that anything else is refused, and how, is a guess.
  func checkUserData() throws(Refusal) {
    guard let text = self["UserData"] else { return }
    guard case .object? = PolicyValue(json: text) else { throw .wronglyFormed("UserData") }
  }

  private func check(_ text: String, of name: String, limit: Int) throws(Refusal) {
    let length = countsBytes ? text.utf8.count : text.unicodeScalars.count
    guard length <= limit else { throw .tooLong(name, limit: limit) }
    // The error's text is "Emoticon or special characters". No page says which those are.
    let isPlain = text.unicodeScalars.allSatisfy { $0.value <= 0xFFFF && !$0.properties.isEmojiPresentation }
    guard isPlain else { throw .illegalCharacters(in: name) }
  }
}

/// Why VOD wouldn't accept a parameter of CreateUploadVideo.
package struct VideoDetailsError: Error, Hashable, CustomStringConvertible {
  /// Its name in the API, such as `Title`.
  package let parameter: String
  /// The problem, as in "has 131 characters".
  package let problem: String
  /// The allowed values, as in "allowed are 1 to 128".
  package let allowed: String

  /// The code that VOD would answer with, if it has one for this.
  package let code: String

  init(_ parameter: String, _ problem: String, allowed: String, code: String = "InvalidParameter") {
    self.parameter = parameter
    self.problem = problem
    self.allowed = allowed
    self.code = code
  }

  package var description: String { "'\(parameter)' \(problem); \(allowed)" }
}

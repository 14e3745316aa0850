package import Systemd

/// Why a client can't be created or used.
package enum HTTPClientError: Error, CustomStringConvertible {
  case library(_ attempt: String, text: String)
  case loop(LoopError)
  /// The CA certificates can't be loaded, so no server could be verified.
  case caFile(path: String, text: String)

  package var description: String { "\(problem); \(remedy)" }

  package var problem: String {
    switch self {
    case .library(let attempt, let text): "http client: cannot \(attempt): \(text)"
    case .loop(let error): "http client: \(error)"
    case .caFile(let path, let text):
      "CA file '\(path)': \(text)"
    }
  }

  package var remedy: String {
    switch self {
    case .library, .loop: "try again; memory or descriptors may have run out"
    case .caFile:
      "name a readable file with the authorities' certificates in PEM form, or install the package ca-certificates"
    }
  }
}

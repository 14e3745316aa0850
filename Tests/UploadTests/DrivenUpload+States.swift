import CloudAPI
import Core

@testable import Upload

extension DrivenUpload {
  /// In bytes, of each of three parts.
  static let unit = 102_400
  static let size = 3 * unit

  static func options(_ change: (inout FileUpload.Options) -> Void = { _ in }) -> FileUpload.Options {
    var options = FileUpload.Options()
    (options.partSize, options.largestPut, options.partsAtOnce, options.tries) = (unit, 0, 1, 3)
    change(&options)
    return options
  }

  static func new(
    _ size: Int = size, _ progress: FileUpload.Progress = .init(),
    _ change: (inout FileUpload.Options) -> Void = { _ in }
  ) -> DrivenUpload { DrivenUpload(size: size, progress: progress, options: options(change)) }

  /// With a video and parts to send.
  static func begun(
    _ size: Int = size, life: Duration = .seconds(3000), _ change: (inout FileUpload.Options) -> Void = { _ in }
  ) throws -> DrivenUpload {
    var upload = new(size, .init(), change)
    try upload.begin(life: life)
    if upload.requests.first?.request == .initiate { try upload.stored() }
    return upload
  }

  /// Complete, or the PUT of an empty file, is on its way.
  static func finishing(
    _ size: Int = size, _ change: (inout FileUpload.Options) -> Void = { _ in }
  ) throws -> DrivenUpload {
    var upload = try begun(size, change)
    try upload.sendAll()
    if upload.awaitsRecord { upload.recorded() }
    return upload
  }

  static func known(_ change: (inout FileUpload.Progress) -> Void) -> FileUpload.Progress {
    var progress = FileUpload.Progress()
    progress.referenceID = ReferenceID("reference")
    change(&progress)
    return progress
  }

  /// The numbers of the parts that are on their way.
  var parts: [Int] {
    requests.compactMap { if case .part(let number, _, _) = $0.request { number } else { nil } }
  }

  var isCreating: Bool { if case .create? = call?.call { true } else { false } }

  var isLooking: Bool { if case .find? = call?.call { true } else { false } }
}

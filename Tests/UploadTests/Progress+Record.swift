@testable import Upload

extension FileUpload.Progress {
  /// As the journal replays records.
  mutating func take(_ record: FileUpload.Record) {
    if case .damaged = ending { return }
    switch record {
    case .reference(let id): referenceID = id
    case .video(let id, _, let address, _):
      if videoID == nil { ending = nil }
      (videoID, self.address) = (id, address)
      (uploadID, unit, parts) = (nil, nil, [])
    case .upload(let id, let unit): (uploadID, self.unit, parts) = (id, unit, [])
    case .part(let part):
      parts.removeAll { $0.number == part.number }
      parts.append(part)
    case .restarted: (uploadID, unit, parts) = (nil, nil, [])
    case .completing: isCompleting = true
    case .refused:
      (ending, isCompleting) = (nil, false)
      if videoID == nil { referenceID = nil }
    case .ended(let how):
      ending = how
      if case .unconfirmed = how { break }
      (uploadID, unit, parts, isCompleting) = (nil, nil, [], false)
    }
  }
}

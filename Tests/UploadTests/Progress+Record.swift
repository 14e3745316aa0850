@testable import Upload

extension FileUpload.Progress {
  /// As the journal replays records.
  mutating func take(_ record: FileUpload.Record) {
    ending = nil
    switch record {
    case .reference(let id): referenceID = id
    case .video(let id, _, let address, _):
      (videoID, self.address) = (id, address)
      (uploadID, unit, parts, isCompleting) = (nil, nil, [], false)
    case .upload(let id, let unit): (uploadID, self.unit, parts, isCompleting) = (id, unit, [], false)
    case .part(let part):
      parts.removeAll { $0.number == part.number }
      parts.append(part)
    case .restarted: (uploadID, unit, parts, isCompleting) = (nil, nil, [], false)
    case .completing: isCompleting = true
    case .refused:
      isCompleting = false
      if videoID == nil { referenceID = nil }
    case .ended(let how): ending = how
    }
  }
}

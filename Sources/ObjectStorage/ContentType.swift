internal import CloudAPI

/// Media types of what is uploaded. OSS hands them out with the file and doesn't look at them.
package enum ContentType {
  /// By the extension of a name or path; `application/octet-stream` for those without a well-known type.
  package static func of(fileName: String) -> String {
    VideoFormat.pathExtension(of: fileName).flatMap { types[$0.lowercased()] } ?? "application/octet-stream"
  }

  /// As registered with IANA or in the media-types of Debian, package media-types 10.0.0.
  private static let types = [
    "3gp": "video/3gpp", "asf": "video/x-ms-asf", "avi": "video/x-msvideo", "dv": "video/dv", "f4v": "video/mp4",
    "flv": "video/x-flv", "gif": "image/gif", "m2t": "video/mp2t", "m3u8": "application/vnd.apple.mpegurl",
    "m4v": "video/mp4", "mj2": "video/mj2", "mkv": "video/x-matroska", "mov": "video/quicktime", "mp4": "video/mp4",
    "mpe": "video/mpeg", "mpeg": "video/mpeg", "mpg": "video/mpeg", "mts": "video/mp2t", "ogg": "video/ogg",
    "qt": "video/quicktime", "rm": "application/vnd.rn-realmedia", "rmvb": "application/vnd.rn-realmedia-vbr",
    "swf": "application/vnd.adobe.flash.movie", "ts": "video/mp2t", "vob": "video/mpeg", "webm": "video/webm",
    "wmv": "video/x-ms-wmv",
    "aac": "audio/aac", "ac3": "audio/ac3", "amr": "audio/amr", "ape": "audio/x-ape", "caf": "audio/x-caf",
    "flac": "audio/flac", "m4a": "audio/mp4", "mp3": "audio/mpeg", "ra": "audio/x-realaudio", "wav": "audio/x-wav",
    "wma": "audio/x-ms-wma",
  ]
}

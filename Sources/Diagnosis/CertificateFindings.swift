package import Core
import Fleet
package import Settings

/// The client certificates of sources, as this process may read them.
package struct CertificateFindings {
  package let findings: [Finding]

  /// Unless this process `isDaemonsUser`, files that it may not read are skipped.
  package init(_ sources: [SourceSettings], now: UTCTime, isDaemonsUser: Bool) {
    findings = sources.compactMap { source in
      source.identityFiles.map { Self.finding("source \(source.name)", $0.certificate, $0.key, now, isDaemonsUser) }
    }
  }

  private static func finding(
    _ subject: String, _ certificate: String, _ key: String, _ now: UTCTime, _ isDaemonsUser: Bool
  ) -> Finding {
    switch ClientCertificate.read(certificate, key: key) {
    case .success(let read): return judged(read, subject, now)
    case .failure(let unusable):
      if case .denied = unusable.flaw, !isDaemonsUser {
        return Finding(
          .skipped, subject, "its certificate isn't looked at: \(unusable.problem)", next: "run this by sudo")
      }
      return Finding(.failed, subject, "its certificate can't be used: \(unusable.problem)", next: unusable.remedy)
    }
  }

  private static func judged(_ certificate: ClientCertificate, _ subject: String, _ now: UTCTime) -> Finding {
    let renewal = "have it renewed, and see what should have done that; the daemon takes up the new one by itself"
    let whose = "certificate of '\(certificate.name)'"
    if certificate.notAfter <= now {
      return Finding(.failed, subject, "\(whose) ended at \(certificate.notAfter)", next: renewal)
    }
    if certificate.notBefore > now {
      return Finding(
        .failed, subject, "\(whose) isn't valid before \(certificate.notBefore)", next: "look at this host's clock")
    }
    guard certificate.isRenewalDue(at: now) else {
      return Finding(.ok, subject, "\(whose) until \(certificate.notAfter)")
    }
    let left = Duration.seconds(certificate.notAfter.seconds - now.seconds)
    return Finding(
      .warning, subject,
      "\(whose) until \(certificate.notAfter), in \(left.text), is in the last fifth of its validity", next: renewal)
  }
}

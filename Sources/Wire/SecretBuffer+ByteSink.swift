internal import JSON
internal import Secrets

/// Lets documents with secrets be written into wiped memory.
extension SecretBuffer: ByteSink {}

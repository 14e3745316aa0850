package import LocalSockets

/// A `ResponseSink` whose clients connect by TCP, so that the kernel has to be asked who they are.
package protocol LoopbackSink: ResponseSink {
  /// The user at the other end of a request's connection, as it is now. To be asked for each answer: a client may have left since, and
  /// a socket may have changed its owner.
  func callerUID(of token: ResponseToken) -> Result<UInt32, CallerDoubt>
}

extension HTTPServer: LoopbackSink {
  package func callerUID(of token: ResponseToken) -> Result<UInt32, CallerDoubt> {
    guard let descriptor = descriptor(of: token), let listener = listener as? LoopbackListener else {
      return .failure(.gone)
    }
    return listener.uid(of: descriptor)
  }
}

import Glibc

/// Runs `body` on a new thread, without waiting for it; the thread ends with it. All signals are blocked there: they belong to the
/// loop. Returns 0, or an errno (pthread_create(3)) if there is no thread; `body` isn't called then.
package func startThread(_ body: @escaping @Sendable () -> Void) -> CInt {
  var all = sigset_t()
  var before = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  var thread = pthread_t()
  let work = Unmanaged.passRetained(Work(body))
  let failure = pthread_create(
    &thread, nil,
    { work in
      Unmanaged<Work>.fromOpaque(work!).takeRetainedValue().body()
      return nil
    }, work.toOpaque())
  if failure == 0 { pthread_detach(thread) } else { work.release() }
  return failure
}

private final class Work: Sendable {
  let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

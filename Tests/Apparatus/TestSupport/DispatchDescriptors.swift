import Dispatch

/// Returns when libdispatch has the descriptors of its timers, which it makes on a thread of its own, at any time after the start of a process. It
/// ends the process if it gets none then: to be called before a test leaves the process without descriptors.
package func awaitDispatchDescriptors() {
  let fired = DispatchSemaphore(value: 0)
  DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(1)) { fired.signal() }
  fired.wait()
}

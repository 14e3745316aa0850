import TestNeeds
import TestSupport
import Testing

/// The daemon as systemd runs it. The suites share one host, so they take turns.
@Suite(.serialized, .needs(.systemd)) struct UnderSystemd {}

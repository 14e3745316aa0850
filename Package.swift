// swift-tools-version: 6.2
import PackageDescription

// The map of the repository: each line is a target and the targets that it may import. Imports point one way, from
// the programs inwards; `swift build --explicit-target-dependency-import-check error` enforces that.

let package = Package(
  name: "rolekeeper",
  products: [
    // Preloaded into a program by tests; it has to be a file of its own.
    .library(name: "FaultShim", type: .dynamic, targets: ["CFaultShim"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")
  ],
  targets: [
    // System libraries and small shims.
    library("CSystemd", links: ["systemd"]),
    library("CCurl", links: ["curl", "ssl", "crypto"]),
    library("CCrypto", links: ["crypto"]),
    library("CMicroHTTPD", links: ["microhttpd"]),
    library("CGnuTLS", links: ["gnutls"]),
    library("CTOML"),
    library("CExpat", links: ["expat"]),
    library("CLZMA", links: ["lzma"]),
    library("CLinux"),

    // Modules.
    module("Core", settings: small),
    module("Secrets", imports: ["CLinux"], settings: small),
    // The reader's values borrow the text they were read from, which the compiler then checks.
    module("JSON", settings: small + [.enableExperimentalFeature("Lifetimes")]),
    module("Wire", imports: ["Core", "Secrets", "JSON"], settings: small),
    module("SessionStore", imports: ["Core", "Secrets"]),
    module("Policies", imports: ["Core", "JSON"], settings: small),
    module("Settings", imports: ["Core", "JSON", "Policies", "CTOML", "CLinux"]),
    module("Signing", imports: ["Core", "Secrets", "CCrypto"]),
    module("CloudAPI", imports: ["Core", "Secrets", "JSON", "Signing"]),
    module("Fleet", imports: ["Core", "CCrypto"]),
    // A target of its own, so that the daemon doesn't load an XML parser.
    module("ObjectStorage", imports: ["Core", "Secrets", "Signing", "CloudAPI", "CExpat"]),
    module("Threads", imports: ["CLinux"]),
    module("Systemd", imports: ["Core", "CSystemd", "CLinux", "Threads"]),
    module("Logs", imports: ["Core", "Systemd"]),
    module("HTTPClient", imports: ["Core", "Systemd", "Secrets", "CCurl", "CLinux"], settings: unchecked),
    module("LocalSockets", imports: ["Core", "Systemd", "CLinux"]),
    module("HTTPServer", imports: ["Core", "Systemd", "LocalSockets", "CLinux"], settings: unchecked),
    module("FileOutput", imports: ["Core", "Secrets", "Wire", "Settings", "Systemd", "Logs", "CLinux", "Threads"]),
    module(
      "Refresh", imports: ["Core", "Secrets", "Wire", "SessionStore", "Settings", "CloudAPI", "Systemd", "Logs"],
      settings: unchecked),
    module(
      "Identities",
      imports: ["Core", "Secrets", "Wire", "Settings", "CloudAPI", "Systemd", "HTTPClient", "Logs", "Fleet"],
      settings: unchecked),
    module(
      "STS",
      imports: [
        "Core", "Secrets", "Wire", "SessionStore", "Settings", "CloudAPI", "Systemd", "HTTPClient", "Logs", "Refresh",
        "Identities",
      ], settings: unchecked),
    module(
      "SocketAPI",
      imports: [
        "Core", "Secrets", "Wire", "SessionStore", "Settings", "CloudAPI", "Systemd", "LocalSockets", "HTTPServer",
        "Logs", "Refresh", "Fleet",
      ], settings: unchecked),
    module("RuntimeState", imports: ["Core", "Settings", "Systemd", "Logs", "FileOutput", "Refresh"]),
    module(
      "Handover",
      imports: [
        "Core", "Secrets", "SessionStore", "Settings", "Signing", "Systemd", "Logs", "Refresh", "CLinux",
      ]),
    module(
      "CredentialServer",
      imports: ["Core", "Secrets", "Wire", "Settings", "Systemd", "Logs", "LocalSockets", "Refresh", "CLinux"]),
    module("UnitJobs", imports: ["Core", "Wire", "Systemd", "Logs"]),
    module(
      "Daemon",
      imports: [
        "Core", "Wire", "Settings", "Systemd", "Logs", "LocalSockets", "HTTPServer", "FileOutput", "Refresh",
        "Identities", "STS", "SocketAPI", "RuntimeState", "Handover", "CredentialServer", "UnitJobs", "CLinux",
      ]),
    module("LocalClient", imports: ["Core", "Wire", "Secrets", "CLinux"], settings: small),
    module(
      "Diagnosis",
      imports: [
        "Core", "Secrets", "JSON", "Wire", "Settings", "CloudAPI", "Systemd", "HTTPClient", "Identities", "STS",
        "LocalClient", "Fleet", "CLinux",
      ]),
    module("CommandInterface", imports: ["Core"], settings: small),
    module(
      "Upload",
      imports: [
        "Core", "Secrets", "Wire", "JSON", "Signing", "CloudAPI", "ObjectStorage", "HTTPClient", "LocalClient",
        "Systemd", "CLZMA", "CLinux",
      ]),
    // The other end of the tests: it shares neither code nor a TLS library with the modules above.
    module("Emulator", imports: ["CMicroHTTPD", "CGnuTLS", "CTOML"]),

    // Programs.
    program(
      "rolekeeperd",
      imports: [
        "Core", "JSON", "Policies", "Settings", "Systemd", "LocalSockets", "RuntimeState", "Handover", "Daemon",
        "CLinux", "Wire", "Logs", "Diagnosis",
      ]),
    program(
      "rolekeeper", imports: ["Core", "Secrets", "JSON", "Wire", "LocalClient", "CommandInterface", "CLinux"],
      besides: ["start.order"], settings: small, linking: standalone),
    program(
      "vod-upload",
      imports: [
        "Core", "Secrets", "Wire", "CloudAPI", "Systemd", "HTTPClient", "LocalClient", "CommandInterface", "Upload",
        "CLinux",
      ]),
    program(
      "sts-emulator", imports: ["Emulator", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      // The other linker warns of a mktemp(3) in Foundation, which ArgumentParser brings along and nothing here calls.
      linking: [.unsafeFlags(["-use-ld=lld"])]),

    // Support for tests and tools: virtual time, and programs run as a user runs them, with a cloud and a daemon of their own.
    library("CFaultShim", in: apparatus),
    module("TestSupport", in: apparatus, imports: ["Core", "JSON", "Logs", "Secrets", "Systemd"]),
    module("TestNeeds", in: apparatus),
    // A real systemd in a throwaway system, and the daemon and STS as its services.
    module("SystemBox", in: apparatus, imports: ["TestSupport"]),
    // A refresher whose time and cloud are the test's.
    module(
      "RefreshBench", in: apparatus,
      imports: ["Core", "CloudAPI", "Refresh", "Secrets", "SessionStore", "Settings", "TestSupport"]),
    module("Simulation", in: apparatus, imports: ["Core", "TestSupport"]),
    module("Laboratory", in: apparatus, imports: ["TestSupport", "Core", "Secrets", "JSON", "Wire"]),

    // Tests.
    tests("Core", imports: ["TestSupport", "Simulation"]),
    tests(
      "Simulation",
      imports: ["Core", "TestSupport", "CloudAPI", "Secrets", "SessionStore", "Settings", "Refresh", "RefreshBench"]),
    tests("Secrets", imports: ["TestSupport"]),
    tests("SessionStore", imports: ["Core", "Secrets"]),
    tests("JSON"),
    tests("Wire", imports: ["Core", "Secrets", "JSON", "TestSupport"]),
    tests("Policies", imports: ["Emulator", "TestSupport"]),
    tests("Settings", imports: ["Core", "TestSupport"]),
    tests("Signing", imports: ["Core", "Secrets", "TestSupport"]),
    tests("CloudAPI", imports: ["Core", "Secrets", "TestSupport"]),
    tests("Fleet", imports: ["Core", "TestSupport"]),
    tests("ObjectStorage", imports: ["CloudAPI", "Core", "Secrets", "Signing", "TestSupport"]),
    tests("Systemd", imports: ["TestNeeds", "TestSupport"]),
    tests("Logs", imports: ["Core", "TestSupport"]),
    tests("HTTPClient", imports: ["Core", "Systemd", "Secrets", "TestNeeds", "TestSupport"]),
    tests("LocalSockets", imports: ["Core", "Systemd", "CLinux", "TestNeeds", "TestSupport"]),
    tests("HTTPServer", imports: ["Core", "LocalSockets", "Systemd", "TestNeeds", "TestSupport"]),
    tests(
      "FileOutput",
      imports: ["Core", "Logs", "Secrets", "Settings", "Systemd", "TestNeeds", "TestSupport", "Wire"]),
    tests(
      "Refresh",
      imports: [
        "Core", "CloudAPI", "Logs", "Secrets", "SessionStore", "Settings", "SocketAPI", "Wire", "RefreshBench",
        "TestSupport",
      ]),
    tests(
      "Identities",
      imports: [
        "Core", "CloudAPI", "Fleet", "HTTPClient", "Logs", "Secrets", "Settings", "Systemd", "Wire", "RefreshBench",
        "TestSupport",
      ]),
    tests(
      "STS",
      imports: [
        "Core", "CloudAPI", "HTTPClient", "Identities", "Logs", "Secrets", "Settings", "Systemd", "RefreshBench",
        "TestSupport", "Refresh",
      ]),
    tests(
      "SocketAPI",
      imports: [
        "Core", "CloudAPI", "HTTPServer", "LocalSockets", "Logs", "Refresh", "Secrets", "SessionStore", "Settings",
        "Systemd", "Wire", "Fleet", "JSON", "RefreshBench", "TestSupport",
      ]),
    tests(
      "RuntimeState",
      imports: ["Core", "FileOutput", "Logs", "Refresh", "Settings", "Systemd", "RefreshBench", "TestSupport"]),
    tests(
      "Handover",
      imports: [
        "CloudAPI", "Core", "Logs", "Refresh", "RuntimeState", "Secrets", "SessionStore", "Settings", "Systemd",
        "FileOutput", "CLinux", "RefreshBench", "TestSupport",
      ]),
    tests(
      "CredentialServer",
      imports: [
        "Core", "LocalSockets", "Logs", "Refresh", "Secrets", "Settings", "Systemd", "Wire", "RefreshBench",
        "TestNeeds", "TestSupport",
      ]),
    tests("UnitJobs", imports: ["Core", "Logs", "Systemd", "TestSupport", "Wire"]),
    tests(
      "Daemon",
      imports: [
        "Core", "FileOutput", "HTTPClient", "HTTPServer", "Identities", "LocalSockets", "Logs", "Refresh", "STS",
        "Secrets", "Settings", "SocketAPI",
        "Systemd", "Wire", "RefreshBench", "TestSupport",
      ]),
    tests("LocalClient", imports: ["Secrets", "TestSupport"]),
    tests("Diagnosis", imports: ["Core", "Settings", "Systemd", "TestSupport", "Wire"]),
    tests(
      "Upload",
      imports: [
        "CloudAPI", "Core", "HTTPClient", "JSON", "LocalClient", "Secrets", "Systemd", "Simulation", "TestNeeds",
        "TestSupport",
      ]),
    tests("rolekeeper", imports: ["CommandInterface", "Core", "LocalClient", "Logs", "TestSupport", "Wire"]),
    tests(
      "vod-upload",
      imports: [
        "CloudAPI", "CommandInterface", "Core", "HTTPClient", "Secrets", "Systemd", "TestSupport", "Upload",
      ]),
    tests("Emulator", imports: ["Core", "Systemd", "HTTPClient", "TestSupport"]),
    // What holds for the repository as a whole.
    .testTarget(name: "RepositoryTests", dependencies: ["TestSupport"], swiftSettings: strict()),
  ] + fuzzing + runningPrograms,
  cxxLanguageStandard: .cxx17
)

/// Tools and tests that run the built programs. The sanitizers' builds go without them, which takes a fifth of their time (.ci/sanitize).
var runningPrograms: [Target] {
  guard Context.environment["ROLEKEEPER_UNIT_SUITES"] == nil else { return [] }
  return [
    program(
      "simulate", in: apparatus,
      imports: ["Core", "Simulation", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    program("leak-check", in: apparatus, imports: ["Laboratory", "TestSupport"]),
    program(
      "soak", in: apparatus, imports: ["Laboratory", "TestSupport", "Core", "Wire"], besides: ["checker.py"]),

    // Benchmarks: a load generator and two reference programs in C, and the program that runs them.
    .executableTarget(
      name: "bench-load", path: "Benchmarks/Load", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    .executableTarget(name: "bare-server", path: "Benchmarks/Bare"),
    .executableTarget(
      name: "bare-refresher", path: "Benchmarks/BareRefresher",
      linkerSettings: [.linkedLibrary("curl"), .linkedLibrary("crypto")]),
    .executableTarget(
      name: "bench", dependencies: ["Core", "Fleet", "Laboratory", "Simulation", "SystemBox", "TestSupport"],
      path: "Benchmarks/Bench",
      swiftSettings: strict()),
    tests("bench", imports: ["TestSupport"]),

    // The built programs, run as a user runs them: it imports only modules that programs outside the daemon use.
    .testTarget(
      name: "IntegrationTests",
      dependencies: ["Laboratory", "TestNeeds", "TestSupport", "Core", "Secrets", "Wire", "Handover", "CLinux"],
      swiftSettings: strict()),
    // The daemon as systemd runs it, from what `make install` puts there.
    .testTarget(
      name: "SystemTests", dependencies: ["SystemBox", "TestNeeds", "TestSupport", "Core", "Logs", "Systemd"],
      swiftSettings: strict()),
  ]
}

/// The directory of targets that only tests and tools use.
var apparatus: String { "Tests/Apparatus" }

/// A system library, found by pkg-config, or a target of our own C shims.
func library(_ name: String, in folder: String = "Sources", links: [String] = []) -> Target {
  let isProduct = folder == "Sources"
  return .target(
    name: name, path: "\(folder)/\(name)",
    cSettings: isProduct ? [.unsafeFlags(hardening(), .when(configuration: .release))] : [],
    cxxSettings: isProduct ? [.unsafeFlags(hardening(), .when(configuration: .release))] : [],
    linkerSettings: links.map { .linkedLibrary($0) })
}

/// The run-time checks that Debian's dpkg-buildflags(1) enables for C code. They aren't options of the whole build: the Swift
/// compiler would read glibc's headers with them, too, and warn of unused results.
func hardening() -> [String] {
  let flags = ["-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-fstack-clash-protection"]
  #if arch(x86_64)
    return flags + ["-fcf-protection"]
  #elseif arch(arm64)
    return flags + ["-mbranch-protection=standard"]
  #else
    return flags
  #endif
}

func module(
  _ name: String, in folder: String = "Sources", imports: [Target.Dependency] = [], settings: [SwiftSetting] = []
) -> Target {
  .target(name: name, dependencies: imports, path: "\(folder)/\(name)", swiftSettings: strict() + settings)
}

/// For the code of each request on the socket and each refresh, which runs on one thread: run-time checks for exclusive access
/// would be a sixth of its instructions. The unit tests are built with these checks.
var unchecked: [SwiftSetting] {
  [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]
}

/// `besides` are files in the program's directory that aren't Swift.
func program(
  _ name: String, in folder: String = "Sources", imports: [Target.Dependency], besides: [String] = [],
  settings: [SwiftSetting] = [], linking: [LinkerSetting] = []
) -> Target {
  .executableTarget(
    name: name, dependencies: imports, path: "\(folder)/\(name)", exclude: besides,
    swiftSettings: strict() + settings, linkerSettings: linking)
}

/// For the targets of the command line: without the module that has `replacing`, `firstRange(of:)` and similar functions, which
/// each source file imports by default.
///
/// A single use of them links the library of regular expressions, whose constants are relocated at each start: 0.05 ms of 0.8.
var small: [SwiftSetting] {
  [.unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"])]
}

/// Links a release program as a static PIE, which starts in half the time: no library is looked for, mapped and relocated.
///
/// Only `make` sets the variable, with the options that this goes together with (`BUILD` in Makefile): the C library's start-up code
/// for such a program crashes where there is a RUNPATH (glibc 2.36). A program linked like this can't look up users, groups or
/// hosts by name services, and can't use libraries that load others.
var standalone: [LinkerSetting] {
  guard Context.environment["ROLEKEEPER_STANDALONE"] != nil else { return [] }
  // gold, the usual linker, knows no static PIE.
  let driver = ["-use-ld=lld", "-static-executable", "-Xclang-linker", "-static-pie"]
  // Packed relocations take a hundredth of the space, and the functions that run at a start are placed together (.ci/start-order).
  let order = "\(Context.packageDirectory)/Sources/rolekeeper/start.order"
  let linker = ["-z", "pack-relative-relocs", "--symbol-ordering-file=\(order)", "--no-warn-symbol-ordering"]
  return [.unsafeFlags(driver + linker.flatMap { ["-Xlinker", $0] }, .when(configuration: .release))]
}

/// The suite of the module of that name.
func tests(_ module: String, imports: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .testTarget(
    name: module + "Tests", dependencies: [.target(name: module)] + imports, resources: resources,
    swiftSettings: strict())
}

/// The fuzz targets of `make fuzz`, whose `main` is libFuzzer's: only its own build can link them.
var fuzzing: [Target] {
  guard Context.environment["ROLEKEEPER_FUZZING"] != nil else { return [] }
  return [
    .target(name: "FuzzSupport", dependencies: ["JSON"], path: "Tests/Fuzzing/Support", swiftSettings: strict()),
    fuzz("request-head", "RequestHead", imports: ["HTTPServer"]),
    fuzz("settings", "Settings", imports: ["Core", "Settings"]),
    fuzz("sts-answer", "STSAnswer", imports: ["Core", "Secrets", "JSON", "CloudAPI"]),
    fuzz("upload-grant", "UploadGrant", imports: ["Core", "Secrets", "JSON", "CloudAPI"]),
    fuzz("oss-answer", "OSSAnswer", imports: ["Core", "ObjectStorage"]),
    fuzz("access-key-file", "AccessKeyFile", imports: ["Core", "Secrets", "JSON", "CloudAPI"]),
    fuzz("session-policy", "SessionPolicy", imports: ["JSON", "Settings", "Emulator"]),
    fuzz("policy-evaluator", "PolicyEvaluator", imports: ["Emulator", "Policies"]),
    fuzz("upload-journal", "UploadJournal", imports: ["Upload"]),
    fuzz("session-store", "SessionStore", imports: ["Core", "Handover", "Refresh", "Secrets"]),
  ]
}

func fuzz(_ name: String, _ directory: String, imports: [Target.Dependency]) -> Target {
  .executableTarget(
    name: "fuzz-" + name, dependencies: ["FuzzSupport"] + imports, path: "Tests/Fuzzing/" + directory,
    swiftSettings: strict() + [.unsafeFlags(["-parse-as-library"])])
}

func strict() -> [SwiftSetting] {
  [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]
}

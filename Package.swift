// swift-tools-version: 6.2
import PackageDescription

/// Every module of ours: Swift 6 mode, and each unsafe construct marked and explained, as an error.
let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .treatWarning("StrictMemorySafety", as: .error),
  // Own ~Escapable types and properties that return a Span.
  .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
  name: "dns-cache-server",
  products: [
    .executable(name: "dns-cache-server", targets: ["DNSCacheServer"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .systemLibrary(
      name: "CEvent", pkgConfig: "libevent_core", providers: [.apt(["libevent-dev", "pkg-config"])]),
    .systemLibrary(
      name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev", "pkg-config"])]),
    .target(name: "Memory", swiftSettings: house),
    .target(name: "DNSWire", dependencies: ["Memory"], swiftSettings: house),
    .target(name: "DNSCache", dependencies: ["Memory", "DNSWire"], swiftSettings: house),
    .target(name: "DNSPolicy", dependencies: ["Memory", "DNSWire"], swiftSettings: house),
    .target(name: "LocalFiles", dependencies: ["DNSWire"], swiftSettings: house),
    .target(name: "ListFiles", dependencies: ["Memory", "DNSWire"], swiftSettings: house),
    .target(name: "DNSExchange", dependencies: ["Memory", "DNSWire"], swiftSettings: house),
    .target(
      name: "DNSResolver",
      dependencies: ["Memory", "DNSWire", "DNSCache", "DNSPolicy", "DNSExchange"],
      swiftSettings: house),
    .target(
      name: "DNSService",
      dependencies: ["Memory", "DNSWire", "DNSCache", "DNSPolicy", "DNSExchange", "DNSResolver"],
      swiftSettings: house),
    .target(
      name: "Observability", dependencies: ["Memory", "DNSWire", "DNSService"],
      resources: [.embedInCode("Resources")], swiftSettings: house),
    .target(name: "System", dependencies: ["CEvent", "DNSWire"], swiftSettings: house),
    .target(
      name: "EventLoop", dependencies: ["CEvent", "Memory", "DNSWire", "System"],
      swiftSettings: house),
    .target(name: "HTTP", dependencies: ["DNSWire", "EventLoop", "System"], swiftSettings: house),
    .target(name: "YAML", dependencies: ["CYAML"], swiftSettings: house),
    .target(
      name: "Configuration",
      dependencies: [
        "DNSWire", "DNSCache", "DNSPolicy", "DNSExchange", "DNSResolver", "DNSService",
        "LocalFiles", "Observability", "System", "YAML",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: house),
    .target(
      name: "Control",
      dependencies: [
        "DNSWire", "Observability", "System", "EventLoop", "HTTP", "Configuration",
      ],
      swiftSettings: house),
    .executableTarget(
      name: "DNSCacheServer",
      dependencies: [
        "Memory", "DNSWire", "DNSCache", "DNSPolicy", "DNSExchange", "DNSResolver", "DNSService",
        "LocalFiles", "ListFiles", "Observability", "System", "EventLoop", "HTTP", "Configuration",
        "Control", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: house),
    // Repeatable random numbers, for the tests.
    .target(name: "Randomness", path: "Tests/Randomness", swiftSettings: house),
    .testTarget(name: "MemoryTests", dependencies: ["Randomness", "Memory"], swiftSettings: house),
    .testTarget(
      name: "DNSWireTests", dependencies: ["Randomness", "DNSWire", "Memory"], swiftSettings: house),
    .testTarget(
      name: "DNSCacheTests", dependencies: ["Randomness", "DNSCache", "DNSWire", "Memory"],
      swiftSettings: house),
    .testTarget(
      name: "DNSPolicyTests", dependencies: ["Randomness", "DNSPolicy", "DNSWire", "Memory"],
      swiftSettings: house),
    .testTarget(
      name: "LocalFilesTests", dependencies: ["LocalFiles", "DNSWire", "Randomness"],
      swiftSettings: house),
    .testTarget(
      name: "ListFilesTests", dependencies: ["Randomness", "ListFiles", "DNSWire"],
      swiftSettings: house),
    .testTarget(
      name: "DNSExchangeTests", dependencies: ["Randomness", "DNSExchange", "DNSWire", "Memory"],
      swiftSettings: house),
    .testTarget(
      name: "DNSResolverTests",
      dependencies: [
        "DNSResolver", "DNSExchange", "DNSPolicy", "DNSCache", "DNSWire", "Memory",
      ],
      swiftSettings: house),
    // Random conversations, for a test and the fuzzer.
    .target(
      name: "Conversations",
      dependencies: [
        "DNSService", "DNSResolver", "DNSExchange", "DNSPolicy", "DNSCache", "DNSWire", "Memory",
      ],
      path: "Tests/Conversations", swiftSettings: house),
    .testTarget(
      name: "DNSServiceTests",
      dependencies: [
        "Conversations", "Randomness", "DNSService", "DNSResolver", "DNSExchange", "DNSPolicy",
        "DNSCache",
        "DNSWire", "Memory",
      ],
      resources: [.copy("Scenarios")], swiftSettings: house),
    .testTarget(
      name: "ObservabilityTests",
      dependencies: ["Randomness", "Observability", "DNSService", "DNSWire", "Memory"],
      swiftSettings: house),
    .testTarget(name: "YAMLTests", dependencies: ["YAML"], swiftSettings: house),
    .testTarget(name: "SystemTests", dependencies: ["DNSWire", "System"], swiftSettings: house),
    // Drives a loop and keeps what its streams say, for the tests.
    .target(
      name: "LoopFixtures", dependencies: ["EventLoop"], path: "Tests/LoopFixtures",
      swiftSettings: house),
    .testTarget(
      name: "EventLoopTests",
      dependencies: ["LoopFixtures", "EventLoop", "DNSWire", "HTTP", "System", "CEvent"],
      swiftSettings: house),
    .testTarget(
      name: "HTTPTests",
      dependencies: ["Randomness", "LoopFixtures", "HTTP", "EventLoop", "System", "DNSWire"],
      swiftSettings: house),
    .testTarget(
      name: "ConfigurationTests",
      dependencies: ["Configuration", "DNSPolicy", "DNSWire", "Observability", "System"],
      swiftSettings: house),
    .testTarget(
      name: "ControlTests", dependencies: ["Control", "DNSWire", "HTTP"], swiftSettings: house),
    .testTarget(
      name: "DNSCacheServerTests",
      dependencies: [
        "DNSCacheServer", "Control", "Configuration", "DNSPolicy", "DNSWire", "Observability",
        "System",
      ],
      exclude: ["Golden"], swiftSettings: house),
    .testTarget(name: "HouseTests", swiftSettings: house),
    // Starts the built program: it depends on the product so that a test run builds it first.
    .testTarget(
      name: "EndToEndTests", dependencies: ["Randomness", "DNSCacheServer"], swiftSettings: house),
  ]
)

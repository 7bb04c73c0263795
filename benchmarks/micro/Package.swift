// swift-tools-version: 6.2
import PackageDescription

// The micro-benchmarks have a package of their own, so that the server's manifest stays free of what they
// need. They compile the server's sources, which the links in Sources lead to, with its settings.
let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
  name: "micro",
  dependencies: [
    // Without its counting of allocations, which replaces the allocator.
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: [])
  ],
  targets: [
    .target(name: "Memory", swiftSettings: house),
    .target(name: "DNSWire", dependencies: ["Memory"], swiftSettings: house),
    .target(name: "DNSCache", dependencies: ["Memory", "DNSWire"], swiftSettings: house),
    .executableTarget(
      name: "Micro",
      dependencies: [
        "Memory", "DNSWire", "DNSCache", .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Benchmarks/Micro",
      swiftSettings: house,
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
  ]
)

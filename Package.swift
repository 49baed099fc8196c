// swift-tools-version: 6.2
import PackageDescription

// A target exists for each rule that the compiler should enforce, and for no other reason: see docs/architecture.md.
let warnings: [SwiftSetting] = [.enableUpcomingFeature("MemberImportVisibility"), .treatAllWarnings(as: .error)]

// Calls, legs and bodies of events are owned by one loop; the dynamic checks of exclusive access to them cost 5 % of a drain.
let ownedByLoop: [SwiftSetting] =
    warnings + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

let package = Package(
    name: "cti-bridge",
    products: [.executable(name: "cti-bridge", targets: ["cti-bridge"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        // Its server alone: neither its router nor its TLS, which would be another one than ours.
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0", traits: []),
    ],
    targets: [
        .target(name: "COpenSSL", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(name: "CMalloc"),
        .target(name: "CZlib", linkerSettings: [.linkedLibrary("z")]),
        .target(name: "CHiredis", linkerSettings: [.linkedLibrary("hiredis")]),
        .target(name: "Codecs", dependencies: ["COpenSSL"], swiftSettings: warnings),
        .target(name: "CallModel", dependencies: ["Codecs"], swiftSettings: ownedByLoop),
        .target(
            name: "WireProtocols",
            dependencies: ["Codecs", "CHiredis", "CZlib", .product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: warnings),
        .target(
            name: "Store",
            dependencies: [
                "Codecs", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: warnings),
        .target(
            name: "Transport",
            dependencies: [
                "WireProtocols", "Codecs", "COpenSSL", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: warnings),
        .target(
            name: "BridgeCore",
            dependencies: [
                "CMalloc", "CallModel", "Codecs", "Transport", "WireProtocols",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: warnings),
        .target(
            name: "Adapters",
            dependencies: [
                "BridgeCore", "Transport", "WireProtocols", "CallModel", "Codecs",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: ownedByLoop),
        .target(
            name: "Sinks",
            dependencies: [
                "BridgeCore", "Transport", "WireProtocols", "CallModel", "Codecs",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: warnings),
        .target(
            name: "Bridge",
            dependencies: [
                "Adapters", "Sinks", "Store", "BridgeCore", "Transport", "WireProtocols", "CallModel", "Codecs",
                "CMalloc",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Yams", package: "Yams"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: warnings),
        .executableTarget(name: "cti-bridge", dependencies: ["Bridge", "CMalloc"], swiftSettings: warnings),

        .target(
            name: "TestSupport", dependencies: ["CallModel", "Codecs", "COpenSSL", "WireProtocols"],
            path: "Tests/TestSupport",
            exclude: ["Fixtures"],
            swiftSettings: warnings),
        .testTarget(name: "CodecsTests", dependencies: ["Codecs", "TestSupport"], swiftSettings: warnings),
        .testTarget(
            name: "CallModelTests", dependencies: ["CallModel", "Codecs", "TestSupport"], swiftSettings: warnings),
        .testTarget(
            name: "WireProtocolsTests",
            dependencies: [
                "TestSupport", "WireProtocols", "Codecs", "CZlib", .product(name: "NIOCore", package: "swift-nio"),
            ],
            exclude: ["BERT/Fixtures", "BERT/erlang_terms.escript"], swiftSettings: warnings),
        .testTarget(
            name: "StoreTests",
            dependencies: ["TestSupport", "Store", "Codecs", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: warnings),
        .testTarget(
            name: "TransportTests",
            dependencies: [
                "TestSupport", "Transport", "WireProtocols", "Codecs", "COpenSSL",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: warnings),
        .testTarget(
            name: "AdaptersTests",
            dependencies: [
                "TestSupport", "Adapters", "BridgeCore", "Transport", "WireProtocols", "CallModel", "Codecs",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"), .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: warnings),
        .testTarget(
            name: "SinksTests",
            dependencies: [
                "TestSupport", "Sinks", "Bridge", "BridgeCore", "Store", "Transport", "WireProtocols", "CallModel",
                "Codecs",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: warnings),
        .testTarget(
            name: "BridgeTests",
            dependencies: [
                "TestSupport", "Bridge", "Adapters", "Sinks", "Store", "BridgeCore", "Transport", "WireProtocols",
                "CallModel", "Codecs",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"), .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Scenarios/Fixtures"], swiftSettings: warnings),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "TestSupport", "Bridge", "BridgeCore", "Codecs", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: warnings),
        .testTarget(name: "FaultTests", dependencies: ["TestSupport", "Codecs"], swiftSettings: warnings),
        // An executable: `swift test -c release` would build every test for it.
        .executableTarget(
            name: "BERTBenchmark", dependencies: ["TestSupport", "WireProtocols"], path: "Tests/Benchmarks/BERT",
            exclude: ["bert_corpus.escript", "binary_to_term.escript", "libei_decode.c"], swiftSettings: warnings),
        .executableTarget(
            name: "SignalRBenchmark",
            dependencies: [
                "TestSupport", "WireProtocols", "Codecs", .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/Benchmarks/SignalR", swiftSettings: warnings),
        .testTarget(
            name: "StageBenchmarks",
            dependencies: ["TestSupport", "Adapters", "Store", "CallModel", "Codecs", "WireProtocols"],
            path: "Tests/Benchmarks/Stages", swiftSettings: warnings),
        .executableTarget(
            name: "websocket-reader",
            dependencies: [
                "Transport", "WireProtocols", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/Benchmarks/WebSocketReader", swiftSettings: warnings),
        .executableTarget(
            name: "enreach-reader",
            dependencies: [
                "Adapters", "BridgeCore", "CallModel", "Codecs", "Transport", "WireProtocols",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Benchmarks/EnreachReader", swiftSettings: warnings),
        .executableTarget(
            name: "xcally-reader",
            dependencies: [
                "Adapters", "BridgeCore", "CallModel", "Codecs", "Transport", "WireProtocols",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Benchmarks/XCALLYReader", swiftSettings: warnings),
    ],
    swiftLanguageModes: [.v6]
)

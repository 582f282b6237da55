// swift-tools-version: 6.2
import PackageDescription

/// Where URLSession is at home, and the client's default.
let apple: [Platform] = [.macOS, .iOS, .tvOS, .watchOS, .visionOS, .macCatalyst]
let others: [Platform] = [.linux, .android, .windows, .openbsd]

let package = Package(
    name: "oss-swift",
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .watchOS(.v11), .visionOS(.v2)],
    products: [
        .library(name: "OSS", targets: ["OSS"]),
        .library(name: "OSSAsyncHTTPClient", targets: ["OSSAsyncHTTPClient"]),
        .library(name: "OSSURLSession", targets: ["OSSURLSession"]),
        .library(name: "OSSConfiguration", targets: ["OSSConfiguration"]),
        .library(name: "OSSKMS", targets: ["OSSKMS"]),
        .library(name: "OSSEmulator", targets: ["OSSEmulator"]),
        .executable(name: "oss-emulator", targets: ["oss-emulator"]),
        .executable(name: "oss-generate", targets: ["oss-generate"]),
        .executable(name: "oss-quickstart", targets: ["oss-quickstart"]),
    ],
    dependencies: [
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.0.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto.git", "3.12.3"..<"5.0.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.8.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.86.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.30.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess.git", from: "1.0.0", traits: []),
    ],
    targets: [
        // The client
        .target(name: "COSSChecksum"),
        .target(name: "OSSChecksum", dependencies: ["COSSChecksum"]),
        .target(
            name: "OSSRuntime",
            dependencies: [
                "OSSChecksum",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]
        ),
        .target(
            name: "OSSAsyncHTTPClient",
            dependencies: [
                "OSSRuntime",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]
        ),
        .target(
            name: "OSSURLSession",
            dependencies: ["OSSRuntime", .product(name: "HTTPTypes", package: "swift-http-types")]
        ),
        .target(
            name: "OSS",
            dependencies: [
                "OSSChecksum", "OSSRuntime",
                .target(name: "OSSAsyncHTTPClient", condition: .when(platforms: others)),
                .target(name: "OSSURLSession", condition: .when(platforms: apple)),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]
        ),
        .target(
            name: "OSSConfiguration",
            dependencies: [
                "OSS",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        // Apart, since RSA takes more of swift-crypto than everybody should build.
        .target(
            name: "OSSKMS",
            dependencies: [
                "OSS", "OSSRuntime",
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "_CryptoExtras", package: "swift-crypto"),
            ]
        ),
        .executableTarget(name: "oss-quickstart", dependencies: ["OSS"]),

        // The local server
        .target(
            name: "OSSEmulator",
            dependencies: [
                "OSSChecksum",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "_CryptoExtras", package: "swift-crypto"),
            ]
        ),
        .executableTarget(
            name: "oss-emulator",
            dependencies: [
                "OSSEmulator",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),

        // The generator
        .target(name: "SpecModel", path: "Generator/SpecModel"),
        .target(name: "SwiftEmitter", dependencies: ["SpecModel"], path: "Generator/SwiftEmitter"),
        .executableTarget(
            name: "oss-generate",
            dependencies: ["SwiftEmitter", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Generator/oss-generate"
        ),

        // Tests
        .target(
            name: "FaultServer",
            dependencies: [
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            path: "Tests/FaultServer"
        ),
        .testTarget(
            name: "TransportTests",
            dependencies: [
                "FaultServer", "OSS", "OSSAsyncHTTPClient", "OSSEmulator", "OSSRuntime", "OSSURLSession",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]
        ),
        .testTarget(
            name: "OSSConfigurationTests",
            dependencies: [
                "OSS", "OSSConfiguration",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(name: "OSSChecksumTests", dependencies: ["COSSChecksum", "OSSChecksum"]),
        .testTarget(
            name: "OSSRuntimeTests",
            dependencies: [
                "OSSRuntime",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]
        ),
        .testTarget(
            name: "OSSEmulatorTests",
            dependencies: [
                "OSSChecksum", "OSSEmulator",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "_CryptoExtras", package: "swift-crypto"),
            ]
        ),
        .testTarget(
            name: "OSSTests",
            dependencies: [
                "FaultServer", "OSS", "OSSAsyncHTTPClient", "OSSEmulator", "OSSKMS", "WireTestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]
        ),
        .testTarget(
            name: "DocumentationTests",
            dependencies: [
                "FaultServer", "OSS", "OSSAsyncHTTPClient", "OSSConfiguration", "OSSEmulator", "OSSKMS",
                "OSSURLSession",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(name: "SpecModelTests", dependencies: ["SpecModel"]),
        .testTarget(
            name: "SwiftEmitterTests",
            dependencies: ["SpecModel", "SwiftEmitter", .product(name: "Subprocess", package: "swift-subprocess")]
        ),
        .testTarget(
            name: "GoldenTests",
            dependencies: ["OSSRuntime", "WireTestSupport"],
            exclude: ["service", "bindings", "pages", "structures", "waiters"].map { "Cases/\($0).json" }
        ),
        .target(
            name: "WireTestSupport",
            dependencies: ["OSSRuntime", "SpecModel", .product(name: "HTTPTypes", package: "swift-http-types")],
            path: "Tests/WireTestSupport"
        ),
        .testTarget(name: "WireTestSupportTests", dependencies: ["SpecModel", "WireTestSupport"]),
        .executableTarget(
            name: "oss-interop",
            dependencies: [
                "OSS", "OSSKMS",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            path: "Tests/Interop/oss-interop"
        ),
        .target(name: "AllocationCount", path: "Tests/AllocationCount"),
        .executableTarget(
            name: "oss-benchmark",
            dependencies: [
                "AllocationCount", "OSS", "OSSAsyncHTTPClient", "OSSChecksum", "OSSRuntime",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/Benchmarks"
        ),
    ]
)

// `Scripts/wire-tests` names a folder of tests that it has generated from wire cases; they take the place of all others.
if let folder = Context.environment["OSS_WIRE_CASES"] {
    package.targets.removeAll { $0.type == .test }
    package.targets.append(.testTarget(name: "WireCases", dependencies: ["OSS", "WireTestSupport"], path: folder))
}

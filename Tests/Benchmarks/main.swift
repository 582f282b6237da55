// What the client costs, beside the limit it is held against, measured in one run. Started by Scripts/benchmark.

import OSS

let arguments = Array(CommandLine.arguments.dropFirst())
switch arguments.first {
case "primitives":
    runPrimitiveBenchmarks()
case "transport":
    try await runTransportBenchmarks(Target(environment: Environment.value))
case "transfer":
    guard arguments.count == 2 else {
        print("usage: oss-benchmark transfer FILE")
        break
    }
    try await runTransfer(Target(environment: Environment.value), file: arguments[1])
default:
    print("usage: oss-benchmark primitives | transport | transfer FILE")
}

/// The server to measure against, as Scripts/with-emulator names it.
struct Target {
    var endpoint: String
    var client: OSSClient

    init(environment: (String) -> String?) throws {
        endpoint = environment("OSS_ENDPOINT") ?? "http://127.0.0.1:9000"
        client = try OSSClient(
            ClientConfiguration(
                region: environment("OSS_REGION") ?? "cn-hangzhou", endpoint: endpoint, credentials: .environment)
        )
    }
}

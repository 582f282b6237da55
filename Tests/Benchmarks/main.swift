// What the client costs, beside the limit it is held against, measured in one run. Started by Scripts/benchmark.

import OSS

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

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
case "emulator":
    guard (3...4).contains(arguments.count) else {
        print("usage: oss-benchmark emulator PROGRAM FOLDER [requests | streams | objects]")
        break
    }
    try await runEmulatorBenchmarks(program: arguments[1], folder: arguments[2], only: arguments.dropFirst(3).first)
default:
    print("usage: oss-benchmark primitives | transport | transfer FILE | emulator PROGRAM FOLDER [PART]")
}

/// The server to measure against, as Scripts/with-emulator names it.
struct Target {
    var endpoint: String
    var client: OSSClient
    private var serverID: String?

    init(environment: (String) -> String?) throws {
        endpoint = environment("OSS_ENDPOINT") ?? "http://127.0.0.1:9000"
        serverID = environment("OSS_EMULATOR_PID")
        client = try OSSClient(
            ClientConfiguration(
                region: environment("OSS_REGION") ?? "cn-hangzhou", endpoint: endpoint, credentials: .environment)
        )
    }

    /// The most memory the local server has had at a time, in MiB; nil where the system does not tell.
    func serverPeakMemory() -> Double? {
        guard let serverID, let file = fopen("/proc/\(serverID)/status", "r") else { return nil }
        defer { fclose(file) }
        var text = [UInt8](repeating: 0, count: 65536)
        let count = fread(&text, 1, text.count, file)
        let status = String(decoding: text.prefix(count), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Double($0) }.map {
            $0 / 1024
        }
    }
}

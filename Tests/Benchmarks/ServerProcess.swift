import OSS

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A local server in a process of its own, as it is used.
final class ServerProcess: Sendable {
    let endpoint: String
    let port: UInt16
    let region: String
    let accessKeyID: String
    let accessKeySecret: String
    /// From the start of the process until it was ready, in seconds.
    let startTime: Double
    private let id: pid_t

    init(program: String, arguments: [String]) {
        var pipes: [CInt] = [0, 0]
        guard pipe(&pipes) == 0 else { giveUp("pipe: \(errno)") }
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
        #else
            var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO)
        posix_spawn_file_actions_addclose(&actions, pipes[0])
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let clock = ContinuousClock.now
        var id = pid_t()
        guard posix_spawn(&id, program, &actions, nil, &words, environ) == 0 else { giveUp("cannot start \(program)") }
        posix_spawn_file_actions_destroy(&actions)
        close(pipes[1])
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(pipes[0], &byte, 1) == 1, byte != 10 { line.append(byte) }
        close(pipes[0])
        startTime = clock.duration(to: .now) / .seconds(1)
        self.id = id
        let fields = String(decoding: line, as: UTF8.self).split(separator: " ").map(String.init)
        guard fields.count >= 5, fields[0] == "ready", let colon = fields[1].lastIndex(of: ":"),
            let port = UInt16(fields[1][fields[1].index(after: colon)...])
        else { giveUp("\(program) did not start") }
        func value(_ field: String) -> String { String(field.drop { $0 != "=" }.dropFirst()) }
        endpoint = fields[1]
        self.port = port
        region = value(fields[2])
        accessKeyID = value(fields[3])
        accessKeySecret = value(fields[4])
    }

    /// Ends it as a terminal would, and waits until it has.
    func stop() {
        kill(id, SIGTERM)
        var status: CInt = 0
        waitpid(id, &status, 0)
        guard status == 0 else { giveUp("the server ended with status \(status)") }
    }

    func client() throws -> OSSClient {
        try OSSClient(
            ClientConfiguration(
                region: region, endpoint: endpoint,
                credentials: .static(accessKeyID: accessKeyID, accessKeySecret: accessKeySecret)))
    }

    /// Seconds of CPU so far; zero where the system does not tell.
    func cpu() -> Double {
        // The command's name, which comes second, may hold anything but ends with the last parenthesis.
        let fields = file("stat").split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(CInt(_SC_CLK_TCK)))
    }

    /// Bytes in memory now and at most so far; zero where the system does not tell.
    func memory() -> (now: Double, peak: Double) {
        func value(_ name: String) -> Double {
            let line = file("status").split(separator: "\n").first { $0.hasPrefix(name) }
            let words = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }) ?? []
            return words.count > 1 ? (Double(words[1]) ?? 0) * 1024 : 0
        }
        return (value("VmRSS:"), value("VmHWM:"))
    }

    private func file(_ name: String) -> String {
        guard let file = fopen("/proc/\(id)/\(name)", "r") else { return "" }
        defer { fclose(file) }
        var text = [UInt8](repeating: 0, count: 16384)
        let count = fread(&text, 1, text.count, file)
        return String(decoding: text.prefix(count), as: UTF8.self)
    }
}

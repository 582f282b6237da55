import AllocationCount

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Wall and CPU time of something, in seconds, and how many blocks of memory it asked for.
struct Cost {
    var wall: Double
    var cpu: Double
    /// CPU time outside of the kernel.
    var user: Double
    var allocations: Int

    static func measure(_ body: () async throws -> Void) async rethrows -> Cost {
        let usage = resourceUsage()
        let allocations = allocation_count()
        let start = ContinuousClock.now
        try await body()
        let wall = start.duration(to: .now) / .seconds(1)
        let now = resourceUsage()
        let user = seconds(now.ru_utime) - seconds(usage.ru_utime)
        return Cost(
            wall: wall, cpu: user + seconds(now.ru_stime) - seconds(usage.ru_stime), user: user,
            allocations: allocation_count() - allocations)
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
}

/// The most memory the process has had at a time, in MiB.
func peakMemory() -> Double {
    let usage = resourceUsage()
    #if canImport(Darwin)
        return Double(usage.ru_maxrss) / 1_048_576
    #else
        return Double(usage.ru_maxrss) / 1024
    #endif
}

private func resourceUsage() -> rusage {
    var usage = rusage()
    #if canImport(Glibc)
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    #else
        getrusage(RUSAGE_SELF, &usage)
    #endif
    return usage
}

extension [Double] {
    var median: Double {
        let sorted = self.sorted()
        return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
    }
}

func rounded(_ value: Double, _ digits: Int = 2) -> Double {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    return (value * scale).rounded() / scale
}

/// Fails the run with a message.
func giveUp(_ message: String) -> Never {
    print(message)
    exit(1)
}

import OSS

extension ClientConfiguration {
    /// Gives a server of this process all the time it needs, for tests that are not about limits of time: on a busy
    /// machine each step may take minutes.
    mutating func waitForServer() {
        readWriteTimeout = .seconds(3600)
        transportConfiguration.connectTimeout = .seconds(3600)
    }
}

package import OSSRuntime

#if canImport(Darwin)
    import OSSURLSession

    /// What clients send their requests with, unless they are given something else.
    typealias DefaultTransport = URLSessionTransport

    /// - Throws: `OSSError` of kind `invalidConfiguration` where the transport can't do what is asked for.
    func makeDefaultTransport(_ configuration: TransportConfiguration) throws -> DefaultTransport {
        try URLSessionTransport(configuration: configuration)
    }

    /// What credentials providers send their requests with, unless they are given something else.
    package enum CredentialsTransport {
        /// A test puts its own here while it makes a provider: none of theirs may leave the machine.
        @TaskLocal package static var shared: any HTTPTransport = URLSessionTransport(connectTimeout: .seconds(3), maxConnections: 4)
    }
#else
    import OSSAsyncHTTPClient

    /// What clients send their requests with, unless they are given something else.
    typealias DefaultTransport = AsyncHTTPClientTransport

    /// - Throws: `OSSError` of kind `invalidConfiguration` where the transport can't do what is asked for.
    func makeDefaultTransport(_ configuration: TransportConfiguration) throws -> DefaultTransport {
        AsyncHTTPClientTransport(configuration: configuration)
    }

    /// What credentials providers send their requests with, unless they are given something else.
    package enum CredentialsTransport {
        /// A test puts its own here while it makes a provider: none of theirs may leave the machine.
        @TaskLocal package static var shared: any HTTPTransport = AsyncHTTPClientTransport(
            configuration: TransportConfiguration(connectTimeout: .seconds(3), maxConnections: 4))
    }
#endif

import OSSAsyncHTTPClient
import OSSRuntime
import OSSURLSession
import Testing

/// A transport under test: how to make one, and how to end it.
struct TransportUnderTest: Sendable, CustomTestStringConvertible {
    typealias Made = (any HTTPTransport, shutdown: @Sendable () async -> Void)

    let name: String
    let make: @Sendable (TransportConfiguration) throws -> Made
    /// What it sends of its own accord.
    var addedFields: Set<String> = []
    /// The cases that what is underneath makes impossible, and why.
    var exclusions: [Case: String] = [:]

    var testDescription: String { name }

    /// Cases that a transport may be excluded from. All others are for every transport.
    enum Case: Sendable {
        case compressedBytesAreLeftAlone
        case noRetryOfItsOwn
        case dotSegments
        case proxy
        case tlsSettings
        case backPressureOfResponses
        case patienceWithBodies
        case connectTimeoutOfTLS
        case bodyIsNotTouchedEarly
    }

    static let asyncHTTPClient = TransportUnderTest(name: "AsyncHTTPClient") { configuration in
        let transport = AsyncHTTPClientTransport(configuration: configuration)
        return (transport, { await transport.shutdown() })
    }

    static let urlSession = TransportUnderTest(
        name: "URLSession",
        make: { configuration in
            let transport = try URLSessionTransport(configuration: configuration)
            return (transport, { await transport.shutdown() })
        },
        addedFields: urlSessionFields,
        exclusions: urlSessionExclusions.merging([
            .compressedBytesAreLeftAlone: """
            URLSession undoes every Content-Encoding it knows, whatever the request accepts, and has no setting \
            for it. See aBodyThatWasDecodedIsCalledSo.
            """,
            .noRetryOfItsOwn: """
            URLSession sends a request again by itself when an idle connection turns out to be closed.
            """,
        ]) { $1 }
    )

    #if canImport(FoundationNetworking)
        private static let urlSessionFields: Set<String> = []

        /// URLSession of swift-corelibs-foundation is a layer over libcurl, and these are options of libcurl that the
        /// layer doesn't set. The files are in Sources/FoundationNetworking/URLSession of its repository.
        private static let urlSessionExclusions: [Case: String] = [
            .dotSegments: """
            HTTPURLProtocol.swift never sets CURLOPT_PATH_AS_IS, without which libcurl resolves the segments. Such \
            a request is refused: see whatURLSessionWouldChangeIsRefused.
            """,
            .proxy: """
            EasyHandle.swift has the proxy as a TODO: no configuration reaches CURLOPT_PROXY. Such a \
            configuration is refused: see whatURLSessionCannotDoIsRefused.
            """,
            .tlsSettings: """
            No challenge is made of a server's certificate, and neither CURLOPT_SSL_VERIFYPEER nor CURLOPT_CAINFO \
            can be reached. Such a configuration is refused: see whatURLSessionCannotDoIsRefused.
            """,
            .backPressureOfResponses: """
            NativeProtocol.swift can't pause a transfer ("Need to solve pausing receive"), and suspend() breaks \
            the connection and sends the request again. What isn't read in time goes to a file: see \
            whatASlowReaderLeavesGoesToAFile.
            """,
            .patienceWithBodies: """
            BodySource.swift reads a body's stream on the one queue that all sessions of the process share \
            (URLSession.sharedQueue), and takes a stream without bytes for one that ended. A body may make that \
            queue wait no longer than the read/write timeout: see aBodyThatKeepsURLSessionWaitingFails.
            """,
            .connectTimeoutOfTLS: """
            Nothing tells that a connection was made until the first byte of a body is asked for, or the response \
            comes. A GET has connect and read/write timeout in one: see connectingWithoutAnAnswerEnds.
            """,
        ]
    #else
        private static let urlSessionFields: Set<String> = [
            "accept", "accept-encoding", "accept-language", "connection", "user-agent",
        ]

        private static let urlSessionExclusions: [Case: String] = [
            .bodyIsNotTouchedEarly: "URLSession asks for the stream of a body before it connects."
        ]
    #endif

    static let all = [asyncHTTPClient, urlSession]

    /// Those that are not excluded from a case.
    static func all(for excludable: Case) -> [TransportUnderTest] {
        all.filter { $0.exclusions[excludable] == nil }
    }
}

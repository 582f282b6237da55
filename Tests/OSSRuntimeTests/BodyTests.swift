import Testing

@testable import OSSRuntime

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// FEATURES `body-in`, `body-retry`: what goes out.
@Suite struct RequestBodyTests {
    @Test("body-in: bytes are sent in slices") func bytesAreSentInSlices() async throws {
        let bytes = (0..<600_000).map { UInt8(truncatingIfNeeded: $0) }
        let body = RequestBody.bytes(bytes)
        #expect(body.length == 600_000)
        #expect(body.isReplayable)
        let chunks = try await all(body)
        #expect(chunks.map(\.count) == [262_144, 262_144, 75_712])
        #expect(chunks.flatMap { $0 } == bytes)
        #expect(try await all(body).flatMap { $0 } == bytes, "a second iterator starts at the start")
    }

    @Test("body-in: strings and literals") func stringsAndLiterals() async throws {
        #expect(try await all(.string("grüße")).flatMap { $0 } == Array("grüße".utf8))
        #expect(try await all("").isEmpty)
        #expect(try await all(.bytes("abc".utf8.dropFirst())) == [Array("bc".utf8)])
    }

    @Test("body-in: files and regions") func filesAndRegions() async throws {
        try await withFile(ofSize: 700_000) { path, bytes in
            let whole = try RequestBody.file(at: path)
            #expect(whole.length == 700_000)
            #expect(try await all(whole).flatMap { $0 } == bytes)
            let tail = try RequestBody.file(at: path, offset: 600_000)
            #expect(tail.length == 100_000)
            for _ in 0..<2 {
                #expect(try await all(tail).flatMap { $0 } == Array(bytes[600_000...]), "again from its own start")
            }
            let middle = try RequestBody.file(at: path, offset: 10, length: 5)
            #expect(try await all(middle) == [Array(bytes[10..<15])])
            #expect(try await all(try .file(at: path, offset: 700_000)).isEmpty)
        }
    }

    @Test("body-in: file errors name the path") func fileErrorsNameThePath() async throws {
        let missing = "/nonexistent/photo.jpg"
        let error = #expect(throws: OSSError.self) { try RequestBody.file(at: missing) }
        #expect(error?.code == .fileUnreadable)
        #expect(error?.message.contains(missing) == true)
        #expect(throws: OSSError.self) { try RequestBody.file(at: "/") }
        try await withFile(ofSize: 10) { path, _ in
            for (offset, length) in [(11, nil), (0, 11), (5, 6), (-1, nil), (0, -1)] as [(Int64, Int64?)] {
                let error = #expect(throws: OSSError.self) {
                    try RequestBody.file(at: path, offset: offset, length: length)
                }
                #expect(error?.message.contains(path) == true)
            }
        }
    }

    @Test func aFileThatShrinksIsAnError() async throws {
        try await withFile(ofSize: 600_000) { path, bytes in
            let body = try RequestBody.file(at: path)
            var iterator = body.makeAsyncIterator()
            #expect(try await iterator.next()?.count == 262_144)
            try Data(bytes.prefix(300_000)).write(to: URL(filePath: path), options: [])
            await expectBodyError(.fileChanged, naming: path) { while try await iterator.next() != nil {} }
            await expectBodyError(.fileChanged, naming: path) { _ = try await all(body) }
        }
    }

    @Test func aFileThatGrowsIsAnError() async throws {
        try await withFile(ofSize: 300_000) { path, bytes in
            let body = try RequestBody.file(at: path)
            let region = try RequestBody.file(at: path, offset: 0, length: 300_000)
            var iterator = body.makeAsyncIterator()
            _ = try await iterator.next()
            try Data(bytes + [1]).write(to: URL(filePath: path), options: [])
            await expectBodyError(.fileChanged, naming: path) { while try await iterator.next() != nil {} }
            #expect(try await all(region).flatMap { $0 } == bytes, "a region doesn't care what is added behind it")
        }
    }

    @Test("body-in, body-retry: a stream is read once") func aStreamIsReadOnce() async throws {
        let body = RequestBody.stream(Chunks([[1, 2], [], [3]]))
        #expect(body.length == nil)
        #expect(!body.isReplayable)
        _ = body.makeAsyncIterator()
        #expect(body.canBeSent, "an iterator that nobody used takes nothing")
        #expect(try await all(body) == [[1, 2], [3]], "an empty chunk isn't the end")
        #expect(!body.canBeSent)
        await expectBodyError(.bodyAlreadyConsumed) { _ = try await all(body) }
    }

    @Test("body-in, body-retry: a replayable stream") func aReplayableStream() async throws {
        let body = RequestBody.stream(Chunks([[1], [2]]), length: 2, isReplayable: true)
        for _ in 0..<3 { #expect(try await all(body) == [[1], [2]]) }
        #expect(body.canBeSent)
    }

    @Test("body-in: streams of other elements") func streamsOfOtherElements() async throws {
        let slices = RequestBody.stream(Chunks([[1, 2, 3][1...], [4][...]]))
        #expect(try await all(slices) == [[2, 3], [4]])
        let data = RequestBody.stream(Chunks([Data([1, 2])]))
        #expect(try await all(data) == [[1, 2]])
        let bytes = RequestBody.stream(Chunks((0..<20_000).map { UInt8(truncatingIfNeeded: $0) }), length: 20_000)
        #expect(try await all(bytes).map(\.count) == [16_384, 3616])
    }

    @Test(
        "body-in: a stream of the wrong length is an error", arguments: [2, 4] as [Int64])
    func aStreamOfTheWrongLengthIsAnError(length: Int64) async throws {
        let body = RequestBody.stream(Chunks([[1], [2], [3]]), length: length)
        await expectBodyError(.bodyLengthMismatch) { _ = try await all(body) }
    }

    @Test func aStreamsOwnErrorIsKept() async throws {
        struct Mine: Error {}
        let body = RequestBody.stream(Chunks([[1]], then: Mine()))
        await #expect(throws: Mine.self) { _ = try await all(body) }
    }

    @Test func observersSeeEveryByteOnce() async throws {
        let seen = Locked([UInt8]())
        let body = RequestBody.bytes(Array(0..<100)).observed { bytes in seen.withLock { $0 += bytes } }
        _ = try await all(body)
        #expect(seen.withLock { $0 } == Array(0..<100))
        _ = try await all(body)
        #expect(seen.withLock { $0.count } == 200)
    }
}

/// FEATURES `body-out`: what comes in.
@Suite struct ResponseBodyTests {
    @Test("body-out: collected") func collect() async throws {
        #expect(try await response([[1], [], [2, 3]]).collect(upTo: 3) == [1, 2, 3])
        #expect(try await response([]).collect(upTo: 0) == [])
        #expect(try await ResponseBody.bytes(Array("grüße".utf8)).text(upTo: 100) == "grüße")
    }

    @Test("body-out: collecting has a limit") func collectHasALimit() async throws {
        let cancelled = Locked(0)
        for length in [nil, 3] as [Int64?] {
            let body = response([[1], [2, 3]], length: length) { cancelled.withLock { $0 += 1 } }
            await expectBodyError(.bodyTooLarge) { _ = try await body.collect(upTo: 2) }
            await expectBodyError(.bodyAlreadyConsumed) { _ = try await body.collect(upTo: 9) }
        }
        #expect(cancelled.withLock { $0 } == 2)
    }

    @Test("body-out: reading twice is an error") func readingTwiceIsAnError() async throws {
        let body = response([[1]])
        _ = try await body.collect(upTo: 1)
        await expectBodyError(.bodyAlreadyConsumed) { _ = try await body.collect(upTo: 1) }
    }

    @Test(
        "body-out: the wrong length is a reset", arguments: [1, 3] as [Int64])
    func theWrongLengthIsAReset(length: Int64) async throws {
        await #expect { _ = try await response([[1, 2]], length: length).collect(upTo: 9) } throws: {
            ($0 as? TransportError)?.kind == .reset
        }
    }

    @Test("body-out: dropping it unread cancels once") func droppingItUnreadCancelsOnce() async throws {
        let cancelled = Locked(0)
        do { _ = response([[1]]) { cancelled.withLock { $0 += 1 } } }
        #expect(cancelled.withLock { $0 } == 1)
        do {
            let body = response([[1], [2]]) { cancelled.withLock { $0 += 1 } }
            for try await _ in body { break }
        }
        #expect(cancelled.withLock { $0 } == 2, "left in the middle")
        do { _ = try await response([[1]], onCancel: { cancelled.withLock { $0 += 1 } }).collect(upTo: 1) }
        #expect(cancelled.withLock { $0 } == 2, "read to the end: nothing to cancel")
    }

    @Test func observers() async throws {
        struct Mismatch: Error {}
        let seen = Locked([UInt8]())
        let good = response([[1], [2]]).observed(by: { bytes in seen.withLock { $0 += bytes } })
        #expect(try await good.collect(upTo: 2) == [1, 2])
        #expect(seen.withLock { $0 } == [1, 2])
        let bad = response([[1]]).observed(by: { _ in }, atEnd: { throw Mismatch() })
        await #expect(throws: Mismatch.self) { _ = try await bad.collect(upTo: 2) }
    }
}

@Suite struct ConfigurationTests {
    @Test("cfg-proxy: URLs with user and password") func proxyURLs() throws {
        #expect(
            try ProxyConfiguration(url: "http://me:p%40ss@proxy.example.com:8080")
                == ProxyConfiguration(host: "proxy.example.com", port: 8080, user: "me", password: "p@ss")
        )
        #expect(try ProxyConfiguration(url: "http://10.0.0.1") == ProxyConfiguration(host: "10.0.0.1", port: 80))
        for bad in [
            "", "proxy:8080", "https://proxy:1", "http://", "http://proxy/path", "http://proxy:80?x=1",
            "socks5://proxy:1",
        ] {
            let error = #expect(throws: OSSError.self, "\(bad)") { try ProxyConfiguration(url: bad) }
            #expect(error?.kind == .invalidConfiguration)
        }
    }

    @Test("cfg-proxy: a proxy's password is not shown") func aProxysPasswordIsNotShown() {
        let proxy = ProxyConfiguration(host: "h", port: 1, user: "u", password: "hunter2")
        var dumped = ""
        dump(TransportConfiguration(proxy: proxy), to: &dumped)
        for text in ["\(proxy)", String(reflecting: proxy), "\(TransportConfiguration(proxy: proxy))", dumped] {
            #expect(!text.contains("hunter2"))
        }
    }
}

// MARK: Helpers

private func all(_ body: RequestBody) async throws -> [[UInt8]] {
    var chunks: [[UInt8]] = []
    for try await chunk in body { chunks.append(chunk) }
    return chunks
}

private func response(
    _ chunks: [[UInt8]],
    length: Int64? = nil,
    onCancel: @escaping @Sendable () -> Void = {}
) -> ResponseBody {
    let rest = Rest(chunks)
    return ResponseBody(length: length, next: { rest.next() }, cancel: onCancel)
}

private final class Rest: Sendable {
    private let chunks: Locked<ArraySlice<[UInt8]>>
    init(_ chunks: [[UInt8]]) { self.chunks = Locked(chunks[...]) }
    func next() -> [UInt8]? { chunks.withLock { $0.popFirst() } }
}

private struct Chunks<Element: Sendable>: AsyncSequence, Sendable {
    var elements: [Element]
    var error: (any Error)?

    init(_ elements: [Element], then error: (any Error)? = nil) {
        self.elements = elements
        self.error = error
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        var rest: ArraySlice<Element>
        var error: (any Error)?
        mutating func next() async throws -> Element? {
            if let next = rest.popFirst() { return next }
            if let error { throw error }
            return nil
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(rest: elements[...], error: error) }
}

private func expectBodyError(
    _ code: OSSError.Code,
    naming text: String = "",
    _ operation: () async throws -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
) async {
    do {
        try await operation()
        Issue.record("no error", sourceLocation: sourceLocation)
    } catch let error as OSSError {
        #expect(error.kind == .body, sourceLocation: sourceLocation)
        #expect(error.code == code, sourceLocation: sourceLocation)
        #expect(text.isEmpty || error.message.contains(text), sourceLocation: sourceLocation)
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
}

private func withFile(ofSize size: Int, _ run: (String, [UInt8]) async throws -> Void) async throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "oss-body-\(UInt64.random(in: 0 ... .max))").path
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try Data(bytes).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    try await run(path, bytes)
}

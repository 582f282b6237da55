import FaultServer
import HTTPTypes
import OSSRuntime
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension TransportRequest {
    /// A request to a test server.
    init(
        _ method: HTTPRequest.Method = .get,
        _ path: String = "/",
        to authority: String,
        scheme: String = "http",
        headers: HTTPFields = [:],
        body: RequestBody? = nil,
        timeout: Duration = .seconds(3600)
    ) {
        self.init(
            head: HTTPRequest(method: method, scheme: scheme, authority: authority, path: path, headerFields: headers),
            body: body,
            readWriteTimeout: timeout
        )
    }
}

extension Int {
    /// More than the sockets of a loopback connection hold.
    static var moreThanFits: Int { 32 * 1024 * 1024 }
}

/// Checks that an operation fails with a transport error of a kind.
func expectError(
    _ kind: TransportError.Kind,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ operation: () async throws -> Void
) async {
    do {
        try await operation()
        Issue.record("no error", sourceLocation: sourceLocation)
    } catch let error as TransportError {
        #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
        #expect(error.message.count > 20, sourceLocation: sourceLocation)
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
}

/// Checks that a task ends as cancelled.
func expectCancellation<Value: Sendable>(
    _ task: Task<Value, any Error>,
    sourceLocation: SourceLocation = #_sourceLocation
) async {
    do {
        _ = try await task.value
        Issue.record("not cancelled", sourceLocation: sourceLocation)
    } catch {
        #expect(error is CancellationError, "\(error)", sourceLocation: sourceLocation)
    }
}

/// A body that yields chunks for ever, or stops and waits, and tells when it is over.
final class Tap: AsyncSequence, Sendable {
    typealias Element = [UInt8]
    private struct State {
        var pulled = 0
        var live = 0
    }
    private let state = Locked(State())
    private let chunk: [UInt8]
    private let limit: Int
    private let waitsAtLimit: Bool

    /// - Parameters:
    ///   - limit: How many chunks to yield.
    ///   - waitsAtLimit: Whether it then waits until its task is cancelled.
    init(chunk: [UInt8] = [UInt8](repeating: 7, count: 64 * 1024), limit: Int = .max, waitsAtLimit: Bool = false) {
        self.chunk = chunk
        self.limit = limit
        self.waitsAtLimit = waitsAtLimit
    }

    var pulled: Int { state.withLock { $0.pulled } }
    /// How many iterators exist.
    var live: Int { state.withLock { $0.live } }

    final class AsyncIterator: AsyncIteratorProtocol {
        private let tap: Tap
        private var count = 0

        init(_ tap: Tap) {
            self.tap = tap
            tap.state.withLock { $0.live += 1 }
        }

        deinit { tap.state.withLock { $0.live -= 1 } }

        func next() async throws -> [UInt8]? {
            guard count < tap.limit else {
                if tap.waitsAtLimit { try await Task.sleep(for: .seconds(7200)) }
                return nil
            }
            count += 1
            tap.state.withLock { $0.pulled += 1 }
            return tap.chunk
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}

/// Waits until something is true; for some minutes at most.
func eventually(_ condition: () -> Bool) async -> Bool {
    for _ in 0..<300_000 {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return condition()
}

/// The open file descriptors of this process; nothing where that can't be seen.
func openDescriptors() -> Int? {
    #if os(Linux)
        return try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    #else
        return nil
    #endif
}

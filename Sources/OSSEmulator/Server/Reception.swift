import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

/// A connection, as it is served.
typealias HTTPConnection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

/// Connections that were made and aren't served yet. NIO stops the program when one is let go of that nobody has closed,
/// and a listener that ends lets go of those it still holds.
final class Reception: Sendable {
    private struct State {
        var waiting: [ObjectIdentifier: HTTPConnection] = [:]
        var isClosed = false
    }

    private let state = NIOLockedValueBox(State())

    func add(_ connection: HTTPConnection) {
        let isClosed = state.withLockedValue { state in
            if !state.isClosed { state.waiting[ObjectIdentifier(connection.channel)] = connection }
            return state.isClosed
        }
        if isClosed { Task { try? await connection.executeThenClose { _, _ in } } }
    }

    func remove(_ connection: HTTPConnection) {
        _ = state.withLockedValue { $0.waiting.removeValue(forKey: ObjectIdentifier(connection.channel)) }
    }

    /// Closes those that wait, and every later one.
    func close() async {
        let waiting = state.withLockedValue { state in
            state.isClosed = true
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for connection in waiting { try? await connection.executeThenClose { _, _ in } }
    }
}

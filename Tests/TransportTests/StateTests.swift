import FaultServer
import HTTPTypes
import NIOCore
import NIOHTTP1
import OSSRuntime
import Testing

@testable import OSSAsyncHTTPClient
@testable import OSSURLSession

/// The flow of a response's body, as a value.
@Suite struct ResponseFlowTests {
    struct Failure: Error {}

    private func unexpected(sourceLocation: SourceLocation = #_sourceLocation) {
        Issue.record("another step was expected", sourceLocation: sourceLocation)
    }

    private var flow = ResponseFlow<Int, String>(limit: 10)

    @Test mutating func aWaitingReaderGetsTheNextChunk() {
        #expect(flow.wait(1) == nil)
        guard case .deliver(1, let chunk) = flow.receive(ByteBuffer(string: "abc")) else {
            Issue.record("not delivered")
            return
        }
        #expect(String(buffer: chunk) == "abc")
        guard case .nothing = flow.take() else {
            Issue.record("delivered twice")
            return
        }
    }

    @Test mutating func theProducerIsPausedAtTheLimit() {
        guard case .proceed = flow.receive(ByteBuffer(string: "12345")) else { return unexpected() }
        guard case .stop = flow.receive(ByteBuffer(string: "67890")) else { return unexpected() }
        flow.park("pause")
        #expect(flow.isPaused)
        #expect(flow.wait(1) == 1, "there is something to take")
        guard case .chunks(let chunks, "pause") = flow.take() else { return unexpected() }
        #expect(chunks.map { String(buffer: $0) } == ["12345", "67890"])
        #expect(!flow.isPaused)
    }

    @Test mutating func theEndComesAfterTheChunks() {
        _ = flow.receive(ByteBuffer(string: "abc"))
        #expect(flow.end() == nil)
        guard case .chunks(_, nil) = flow.take() else { return unexpected() }
        guard case .end = flow.take() else { return unexpected() }
        #expect(flow.fail(Failure()).reader == nil)
        guard case .end = flow.take() else { return unexpected() }
    }

    @Test mutating func aFailureDropsWhatWaits() {
        _ = flow.receive(ByteBuffer(string: "1234567890"))
        flow.park("pause")
        #expect(flow.fail(Failure()).pause == "pause")
        guard case .failed = flow.take() else { return unexpected() }
        guard case .discard = flow.receive(ByteBuffer(string: "x")) else { return unexpected() }
        #expect(flow.end() == nil)
    }

    @Test mutating func aWaitingReaderIsToldOfTheEnd() {
        _ = flow.wait(1)
        #expect(flow.end() == 1)
        var failing = ResponseFlow<Int, String>(limit: 10)
        _ = failing.wait(2)
        #expect(failing.fail(Failure()).reader == 2)
    }

    @Test mutating func twoReadersBothLookAgain() {
        #expect(flow.wait(1) == nil)
        #expect(flow.wait(2) == 1)
    }
}

@Suite struct ConnectionGateTests {
    @Test func turnsAreGivenInOrder() async throws {
        let gate = ConnectionGate(limit: 1, makeSlot: { 0 })
        _ = try await gate.enter("h")
        _ = try await gate.enter("other host")
        let (order, note) = AsyncStream<Int>.makeStream()
        var tasks: [Task<Void, any Error>] = []
        for index in 0..<5 {
            tasks.append(
                Task {
                    _ = try await gate.enter("h")
                    note.yield(index)
                }
            )
            #expect(await eventually { gate.waiting(for: "h") == index + 1 })
        }
        tasks[2].cancel()
        await expectCancellation(tasks[2])
        var seen: [Int] = []
        gate.leave("h", idle: 0)
        for await index in order {
            seen.append(index)
            if seen.count == 4 { break }
            gate.leave("h", idle: 0)
        }
        #expect(seen == [0, 1, 3, 4])
    }

    @Test func aSlotLeftBehindIsPreferred() async throws {
        let gate = ConnectionGate(limit: 2, makeSlot: { 0 })
        #expect(try await gate.enter("h") == 0)
        gate.leave("h", idle: 7)
        for _ in 0..<3 {
            #expect(try await gate.enter("h") == 7)
            gate.leave("h", idle: 7)
        }
        gate.leave("h", idle: nil)
        #expect(try await gate.enter("other host") == 0)
    }

    @Test func whoHasGoneGetsNoTurn() async throws {
        let gate = ConnectionGate(limit: 1, makeSlot: { 0 })
        let gone = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            _ = try await gate.enter("h")
        }
        await expectCancellation(gone)
        #expect(try await gate.enter("h") == 0)
    }

    @Test func closingTurnsAway() async throws {
        let gate = ConnectionGate(limit: 1, makeSlot: { 0 })
        _ = try await gate.enter("h")
        let waiting = Task { _ = try await gate.enter("h") }
        #expect(await eventually { gate.waiting(for: "h") == 1 })
        gate.close()
        await expectError(.shutdown) { try await waiting.value }
        await expectError(.shutdown) { _ = try await gate.enter("h") }
    }
}

@Suite struct FieldNamesTests {
    @Test func fieldsAreThoseOfTheirResponse() {
        let names = FieldNames()
        let replies: [[(String, String)]] = [
            [("Server", "a"), ("ETag", "b"), ("x-oss-meta-A", "c")],
            [("Server", "d"), ("ETag", "e"), ("x-oss-meta-A", "f")],
            [("server", "a"), ("not a name", "x"), ("x-oss-meta-A", "b")], [("Server", "a")], [],
            [("Date", "a"), ("Server", "b"), ("Server", "c")],
        ]
        for reply in replies {
            let fields = names.fields(of: HTTPHeaders(reply))
            let expected = reply.filter { $0.0 != "not a name" }
            #expect(fields.map(\.name.rawName) == expected.map(\.0))
            #expect(fields.map(\.name.canonicalName) == expected.map { $0.0.lowercased() })
            #expect(fields.map(\.value) == expected.map(\.1))
        }
    }
}

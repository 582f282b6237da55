import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import OSSEmulator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What comes from a client that is broken, or means harm.
@Suite struct RobustnessTests {
    /// Sends bytes, and gives the statuses of all answers until the server closes the connection.
    private func statuses(_ client: TestClient, _ text: String) async throws -> [Int] {
        let socket = try Socket(port: client.emulator.port)
        try await socket.write(text)
        var statuses: [Int] = []
        while let reply = try? await socket.read() {
            statuses.append(reply.status)
            #expect(reply.headers["x-oss-request-id"]?.utf8.count == 24)
            #expect(reply.headers["date"]?.hasSuffix("GMT") == true)
        }
        return statuses
    }

    // MARK: Where a request ends

    /// Two parties that disagree about where a body ends see different requests; so there is none.
    @Test(arguments: [
        "Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5\r\nContent-Length: 50", "Content-Length: 5, 5",
        "Content-Length: -5", "Content-Length: +5", "Content-Length: 0x5", "Content-Length: 5 5", "Content-Length: ",
        "Content-Length: 5\u{B}", "Content-Length : 5", "Content-Length: 18446744073709551616",
        "Content-Length: 99999999999999999999999999", "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5", "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked", "Transfer-Encoding: \u{B}chunked", "Transfer-Encoding : chunked",
        "Transfer-Encoding: identity", "X: 1\r\n Transfer-Encoding: chunked", "X: a\rb", "X: a\u{0}b", "X y: a",
        "X\u{1}: a", ": a", "X", "X: a\nTransfer-Encoding: chunked",
    ])
    func theEndOfARequestIsNeverGuessed(fields: String) async throws {
        try await withEmulator { client async throws in
            let smuggled = "GET /bkt/ HTTP/1.1\r\nHost: h\r\n\r\n"
            let found = try await statuses(
                client, "PUT /bkt/k HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\r\n0\r\n\r\n\(smuggled)")
            #expect(found == [400] || found == [501])
        }
    }

    @Test(arguments: [
        "zz\r\nabc\r\n0\r\n\r\n", "-1\r\nabc\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcdef\r\n0\r\n\r\n", "3 \r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "\r\n\r\n",
        "3\r\nabc\r\n0\r\nBroken trailer\r\n\r\n",
        "3\r\nabc\r\n0\r\nX: \(String(repeating: "x", count: 200_000))\r\n\r\n",
    ])
    func brokenChunksStoreNothing(body: String) async throws {
        try await withEmulator { client async throws in
            let head = client.head("PUT", "/bkt/k", headers: ["Transfer-Encoding": "chunked"])
            #expect(try await statuses(client, head + body) == [400])
            #expect(try await client.send("HEAD", "/bkt/k").status == 404)
        }
    }

    @Test func otherCodingsAreRefused() async throws {
        try await withEmulator { client async throws in
            let head = client.head("PUT", "/bkt/k", headers: ["Transfer-Encoding": "gzip, chunked"])
            let reply = try await client.raw(head + "3\r\nabc\r\n0\r\n\r\n")
            #expect(reply.status == 501 && reply.element("Code") == "NotImplemented")
        }
    }

    @Test func lengthsThatAreWrong() async throws {
        try await withEmulator { client async throws in
            // Too long: what follows is the next request, and isn't one.
            let long = client.head("PUT", "/bkt/long", headers: ["Content-Length": "3"]) + "abcdef\r\n\r\n"
            #expect(try await statuses(client, long) == [200, 400])
            #expect(try await client.send("GET", "/bkt/long").text == "abc")
            // Too short: the object isn't there, not even in part.
            let socket = try Socket(port: client.emulator.port)
            try await socket.write(client.head("PUT", "/bkt/short", headers: ["Content-Length": "6"]) + "abc")
            try await socket.finish()
            #expect(try await socket.drain() == 0)
            #expect(try await client.send("HEAD", "/bkt/short").status == 404)
        }
    }

    // MARK: Size

    @Test(arguments: [
        "GET /bkt/ HTTP/1.1\r\n" + (0..<300).map { "X-\($0): 1\r\n" }.joined() + "\r\n",
        "GET /bkt/ HTTP/1.1\r\nX: " + String(repeating: "x", count: 70_000) + "\r\n\r\n",
        "GET /bkt/ HTTP/1.1\r\n" + (0..<4).map { "X-\($0): \(String(repeating: "x", count: 40_000))\r\n" }.joined()
            + "\r\n",
        "GET /bkt/?" + String(repeating: "x", count: 70_000) + " HTTP/1.1\r\nHost: h\r\n\r\n",
    ])
    func headsHaveLimits(request: String) async throws {
        try await withEmulator { client async throws in
            #expect(try await statuses(client, request) == [400])
        }
    }

    @Test func longListsAreAnswered() async throws {
        try await withEmulator { client async throws in
            let names = (0..<10_000).map { "n\($0)" }.joined(separator: ";")
            let signed = "OSS4-HMAC-SHA256 Credential=a/b/c/d/e,AdditionalHeaders=\(names),Signature=00"
            let reply = try await client.send("GET", "/bkt/k", headers: ["Authorization": signed], isSigned: false)
            #expect((400..<500).contains(reply.status))
            let query = (0..<8000).map { ("q\($0)", "") }
            #expect(try await client.send("GET", "/bkt/", query: query).status == 200)
            let tags = (0..<10_000).map { "t\($0)" }.joined(separator: "&")
            #expect(try await client.send("PUT", "/bkt/k", headers: ["x-oss-tagging": tags]).status == 400)
            let ranges = "bytes=" + (0..<10_000).map { "\($0)-\($0)" }.joined(separator: ",")
            _ = try await client.send("PUT", "/bkt/k", text: "x")
            #expect(try await client.send("GET", "/bkt/k", headers: ["Range": ranges]).status < 500)
        }
    }

    /// What is made of a list of so many items, in a request that has 200 headers.
    @Test(arguments: [
        "additional headers", "query", "canonical query", "strings to sign", "tags", "ranges", "JSON", "XML",
    ])
    func longListsTakeNoSquareOfTheirLength(what: String) throws {
        let headers = HTTPHeaders((0..<200).map { ("n\($0)", "1") })
        let target = try RequestTarget(uri: "/bkt/k", host: nil, domains: [])
        let request = Request(
            id: "", head: HTTPRequestHead(version: .http1_1, method: .GET, uri: "/bkt/k", headers: headers),
            target: target, operation: Operation.formOperations[0], received: .now,
            logger: EmulatorConfiguration().logger)
        func query(_ count: Int) -> String { (0..<count).map { "q\($0)=1" }.joined(separator: "&") }
        try expectGrowth { count in
            switch what {
            case "additional headers":
                let list = (0..<count).map { "n\($0 % 200)" }.joined(separator: ";")
                return {
                    let names = try Authenticator.additionalHeaders(list, in: request, argument: "", missing: "")
                    #expect(names.count == 200)
                }
            case "query":
                let uri = "/bkt/k?\(query(count))"
                return {
                    let query = try RequestTarget(uri: uri, host: nil, domains: []).query
                    #expect(query.items.count == count && !query.has("acl"))
                }
            case "canonical query":
                let query = try RequestTarget(uri: "/?\(query(count))", host: nil, domains: []).query
                return { #expect(SignatureV4.canonicalQuery(query).utf8.count > count) }
            case "strings to sign":
                let query = try RequestTarget(uri: "/?\(query(count))", host: nil, domains: []).query
                return {
                    let texts = SignatureV1.stringsToSign(
                        method: "GET", bucket: nil, key: nil, query: query, headers: headers, dates: ["1"])
                    #expect(texts.count == 1)
                }
            case "tags":
                let header = query(count)
                return { #expect(throws: Fault.self) { try Tag.parse(header: header) } }
            case "ranges":
                let header = "bytes=" + (0..<count).map { "\($0)-\($0)" }.joined(separator: ",")
                return { #expect(ResolvedRange(header, size: 100, isStandard: true) == .whole) }
            case "JSON":
                let text = Array("{\((0..<count).map { "\"\($0)\":[]" }.joined(separator: ","))}".utf8)
                return { _ = try JSONReader.read(text) }
            default:
                let text = Array("<a>\((0..<count).map { "<b>\($0)</b>" }.joined())</a>".utf8)
                return { _ = try XMLReader.read(text) }
            }
        }
    }

    /// Compares the work for a list with that for one 16 times as long, in the time that its thread had a processor.
    /// It is 16 times as much, or a little more; by the square it would be 256 times. What else the machine does may
    /// disturb one measurement, and then the next one counts.
    private func expectGrowth(_ work: (_ count: Int) throws -> () throws -> Void) throws {
        func time(_ body: () throws -> Void) throws -> Double {
            var (start, end) = (timespec(), timespec())
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
            try body()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
            return Double(end.tv_sec - start.tv_sec) + Double(end.tv_nsec - start.tv_nsec) / 1e9
        }
        let (few, many) = (try work(1000), try work(16_000))
        var growth = Double.infinity
        for _ in 0..<20 where growth > 80 {
            let base = try (0..<3).map { _ in try time(few) }.min() ?? 0
            growth = try time(many) / base
        }
        #expect(growth <= 80)
    }

    @Test(arguments: [
        // Would be a gigabyte.
        """
        <!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
        <Delete><Object><Key>&b;</Key></Object></Delete>
        """,
        "<Delete><Object><Key>&xxe;</Key></Object></Delete>",
        #"<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&x;</Key></Object></Delete>"#,
        "<Delete>" + String(repeating: "<a>", count: 100_000), String(repeating: "<Delete>", count: 200_000),
        "<Delete>" + String(repeating: "<a/>", count: 200_000) + "</Delete>",
        "<Delete>" + String(repeating: "<Object><Key>k</Key></Object>", count: 1001) + "</Delete>",
        "<Delete><Object><Key>&#xD800;</Key></Object></Delete>",
        "<Delete><Object><Key>&#x110000;</Key></Object></Delete>",
        "<Delete><Object><Key>&#99999999999;</Key></Object></Delete>", "<Delete", "<", "", "\u{0}", "<Delete/>extra",
        "<Delete " + String(repeating: "a='b' ", count: 300_000) + "/>", "<!--", "<Delete><![CDATA[",
    ])
    func documentsThatDoHarm(document: String) async throws {
        try await withEmulator { client async throws in
            let body = Array(document.utf8)
            let reply = try await client.send(
                "POST", "/bkt/", query: [("delete", "")], headers: ["Content-MD5": md5Header(body)], body: body)
            #expect(reply.status == 400)
            #expect(try await client.send("GET", "/bkt/").status == 200)
        }
    }

    @Test func aDocumentThatIsTooLargeIsNotRead() async throws {
        try await withEmulator { client async throws in
            let socket = try Socket(port: client.emulator.port)
            try await socket.write(
                client.head(
                    "POST", "/bkt/", query: [("delete", "")],
                    headers: ["Content-MD5": md5Header([]), "Content-Length": "\(1 << 40)"]))
            let reply = try await socket.read()
            #expect(reply.status == 400 && reply.headers["connection"] == "close")
        }
    }

    // MARK: Names

    @Test func pathsLeadNowhereElse() async throws {
        let folder = "\(temporaryFolder())/oss-emulator-paths-\(UInt64.random(in: 0 ... .max))"
        try Files.makeDirectories(folder + "/outer/data")
        defer { try? Files.removeTree(folder) }
        try await withEmulator {
            $0.dataDirectory = folder + "/outer/data"
            $0.synchronizesFiles = false
        } _: { client async throws in
            // These are names of objects like any other.
            let keys = [
                "../x", "../../x", "a/../../../x", "..", ".", "./x", "..\\x", "/etc/passwd", "~/x", "C:\\x", "x/",
                "con",
                "\u{202E}x", "x\u{7F}", "-rf", "*", "$(x)", "%2e%2e%2fx", "x\n",
            ]
            for key in keys {
                #expect(try await client.send("PUT", "/bkt/" + key, text: key).status == 200)
                #expect(try await client.send("GET", "/bkt/" + key).text == key)
            }
            #expect(try await client.send("GET", "/bkt/").elements("Key").count == keys.count)
            // Sent without any encoding, a dot is a dot.
            for path in ["/bkt/../../x", "/bkt/%2e%2e/x", "/bkt/%2E%2E%2Fx", "/../bkt/x", "/..%2fbkt/x", "/./x", "//x"]
            {
                let reply = try await client.raw("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect((400..<500).contains(reply.status))
            }
            // Not UTF-8, too long for it, halves of pairs, NUL.
            for path in [
                "%ff", "%c0%ae%c0%ae/x", "%e0%80%af", "%ed%a0%80", "%f4%90%80%80", "%00", "x%00y", "%", "%z", "%2",
                String(repeating: "k", count: 1024),
            ] {
                let reply = try await client.raw("GET /bkt/\(path) HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(reply.status == 400)
            }
            for bucket in ["..", ".", "a", "a%2f..%2fb", "%2e%2e", "A-b", "a_b", "a.b", "a%00b", "..%5cx", "-ab"] {
                for method in ["PUT", "DELETE"] {
                    let socket = try Socket(port: client.emulator.port)
                    let head = client.head(method, "/x/", headers: ["Content-Length": "0"])
                    try await socket.write(head.replacing("\(method) /x/", with: "\(method) /\(bucket)/"))
                    #expect((400..<500).contains(try await socket.read().status))
                }
            }
        }
        #expect(try Files.list(folder) == ["outer"])
        #expect(try Files.list(folder + "/outer") == ["data"])
        #expect(
            try Files.list(folder + "/outer/data").sorted() == ["accounts", "blobs", "buckets", "lock", "temporary"])
        #expect(try Files.list(folder + "/outer/data/buckets") == ["bkt"])
    }

    // MARK: Time and number

    /// What limits go by, turned by tests.
    private final class LimitClock: Sendable {
        private let nanoseconds = Atomic<UInt64>(0)

        /// Has connections look at it often; it is this clock that says whether they are too late.
        func judge(_ limits: inout ConnectionLimits) {
            limits.now = { .uptimeNanoseconds(self.nanoseconds.load(ordering: .relaxed)) }
            limits.interval = .milliseconds(2)
        }

        func advance(seconds: UInt64) {
            nanoseconds.add(seconds * 1_000_000_000, ordering: .relaxed)
        }

        /// Lets time pass until something is done.
        func run<Result>(until body: () async throws -> Result) async throws -> Result {
            let ticks = Task {
                while !Task.isCancelled {
                    advance(seconds: 1)
                    try? await Task.sleep(for: .milliseconds(1))
                }
            }
            defer { ticks.cancel() }
            return try await body()
        }
    }

    @Test func whoSaysNothingIsLeft() async throws {
        let clock = LimitClock()
        try await withEmulator {
            clock.judge(&$0.connectionLimits)
            $0.connectionLimits.head = .seconds(60)
        } _: { client async throws in
            let silent = try Socket(port: client.emulator.port)
            #expect(try await clock.run { try await silent.drain() } == 0)
            // A head that never ends, though something of it comes all the time.
            let slow = try Socket(port: client.emulator.port)
            try await slow.write(client.head("GET", "/bkt/"))
            #expect(try await slow.read().status == 200)
            try await slow.write("GET / HTTP/1.1\r\n")
            for _ in 0..<70 {
                try? await slow.write("X: y\r\n")
                clock.advance(seconds: 1)
            }
            #expect(try await slow.readToEnd().text.isEmpty)
            // After an answer the time starts anew.
            let kept = try Socket(port: client.emulator.port)
            for _ in 0..<3 {
                try await kept.write(client.head("GET", "/bkt/"))
                #expect(try await kept.read().status == 200)
                clock.advance(seconds: 40)
            }
            clock.advance(seconds: 20)
            #expect(try await kept.drain() == 0)
        }
    }

    @Test func aBodyThatStopsIsToldSo() async throws {
        let clock = LimitClock()
        try await withEmulator {
            clock.judge(&$0.connectionLimits)
            $0.connectionLimits.head = .hours(100_000)
            $0.connectionLimits.stall = .seconds(60)
        } _: { client async throws in
            let socket = try Socket(port: client.emulator.port)
            try await socket.write(client.head("PUT", "/bkt/k", headers: ["Content-Length": "1000"]) + "abc")
            let reply = try await clock.run { try await socket.read() }
            #expect(reply.status == 400 && reply.element("Code") == "RequestTimeout")
            #expect(reply.headers["connection"] == "close")
            #expect(try await socket.drain() == 0)
            #expect(try await client.send("HEAD", "/bkt/k").status == 404)
        }
    }

    @Test func anAnswerThatNobodyTakesEnds() async throws {
        let clock = LimitClock()
        try await withEmulator {
            clock.judge(&$0.connectionLimits)
            $0.connectionLimits.head = .hours(100_000)
            $0.connectionLimits.stall = .seconds(60)
            $0.connectionLimits.connections = 2
        } _: { client async throws in
            // There is no place while a connection of before isn't gone yet.
            func retried<Result>(_ body: () async throws -> Result) async -> Result {
                while true {
                    if let result = try? await body() { return result }
                }
            }
            let size = 24 << 20
            let put = await retried {
                try await client.send("PUT", "/bkt/k", body: [UInt8](repeating: 7, count: size))
            }
            #expect(put.status == 200)
            func open(_ target: String) async throws -> Socket {
                let socket = try Socket(port: client.emulator.port)
                try await socket.write(client.head("GET", target))
                _ = try await socket.read(count: 1)
                return socket
            }
            let stalled = await retried { try await open("/bkt/k") }
            // While this one stalls, another is answered, and then there is no place for a third.
            let other = await retried { try await open("/bkt/") }
            let third = try await clock.run { await retried { try await open("/bkt/") } }
            let taken = try? await stalled.drain()
            #expect(taken ?? 0 < size)
            withExtendedLifetime((other, third)) {}
        }
    }

    @Test func thereIsALimitToConnections() async throws {
        try await withEmulator {
            $0.connectionLimits.connections = 3
        } _: { client async throws in
            // Those of before may not be gone yet.
            var open: [Socket] = []
            while open.count < 3 {
                let socket = try Socket(port: client.emulator.port)
                try await socket.write(client.head("GET", "/bkt/"))
                if (try? await socket.read().status) == 200 { open.append(socket) }
            }
            let more = try Socket(port: client.emulator.port)
            #expect((try? await more.drain()) ?? 0 == 0)
            try await open[0].write(client.head("GET", "/bkt/"))
            #expect(try await open[0].read().status == 200)
            open.removeAll()
            var isBack = false
            while !isBack { isBack = await (try? client.send("GET", "/bkt/").status) == 200 }
        }
    }
}

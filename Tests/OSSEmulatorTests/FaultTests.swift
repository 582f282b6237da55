import Testing

@testable import OSSEmulator

/// What a client meets on the wire when a fault is asked for by header.
@Suite struct FaultHeaderTests {
    private static let name = "x-emulator-fault"

    private func get(_ client: TestClient, _ fault: String, _ headers: [String: String] = [:]) async throws -> Reply {
        try await client.send("GET", "/bkt/k", headers: headers.merging([Self.name: fault]) { $1 })
    }

    /// Opens a connection and asks for the object.
    private func request(
        _ client: TestClient, _ fault: String, _ method: String = "GET", body: String = ""
    ) async throws -> Socket {
        let socket = try Socket(port: client.emulator.port)
        let head = client.head(
            method, "/bkt/k", headers: [Self.name: fault, "Content-Length": "\(body.utf8.count)"])
        try await socket.write(head + body)
        return socket
    }

    private func body(of text: String) -> String {
        text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false).dropFirst().joined()
    }

    @Test func headersDoNothingUnlessTheyAreAllowed() async throws {
        try await withEmulator { client async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            #expect(try await get(client, "status=503").text == "0123456789")
            #expect(try await get(client, "nonsense").status == 200)
        }
    }

    @Test func anyError() async throws {
        try await withControl { client, _ async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let known = try await get(client, "code=SecurityTokenExpired")
            #expect(known.status == 403 && known.element("Code") == "SecurityTokenExpired")
            #expect(known.element("Message") == "The security token you provided has expired.")
            #expect(known.element("RequestId") == known.headers["x-oss-request-id"])
            let own = try await get(client, "status=418; code=Teapot; message=a%3B b; ec=0001-00000001")
            #expect(own.status == 418 && own.element("Code") == "Teapot" && own.element("Message") == "a; b")
            #expect(own.element("EC") == "0001-00000001" && own.headers["x-oss-ec"] == "0001-00000001")
            for (status, code) in [(500, "InternalError"), (503, "ServiceUnavailable"), (404, "NoSuchKey")] {
                let reply = try await get(client, "status=\(status)")
                #expect(reply.status == status && reply.element("Code") == code)
            }
            let head = try await client.send("HEAD", "/bkt/k", headers: [Self.name: "code=InternalError"])
            #expect(head.status == 500 && head.body.isEmpty && head.headers["x-oss-err"] != nil)
            let page = try await get(client, "status=502; body=<html>bad gateway</html>")
            #expect(page.status == 502 && page.text == "<html>bad gateway</html>")
            #expect(page.headers["content-type"] == "text/html" && page.headers["x-oss-request-id"] != nil)
            let moved = try await get(client, "status=307; header=Location:http://127.0.0.1/x")
            #expect(moved.status == 307 && moved.headers["location"] == "http://127.0.0.1/x")
        }
    }

    @Test func throttling() async throws {
        try await withControl { client, _ async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let refused = try await get(client, "code=TotalQpsLimitExceeded; qos-delay=1500")
            #expect(refused.status == 503 && refused.headers["x-oss-qos-delay-time"] == "1500")
            #expect(refused.element("Message") == "Max total qps limit is exceeded.")
            let many = try await get(client, "status=429; qos-delay=20")
            #expect(many.status == 429 && many.headers["x-oss-qos-delay-time"] == "20")
            let slow = try await get(client, "qos-delay=3")
            #expect(slow.status == 200 && slow.text == "0123456789" && slow.headers["x-oss-qos-delay-time"] == "3")
        }
    }

    @Test func errorsBeforeAndAfterTheOperation() async throws {
        try await withControl { client, _ async throws in
            let socket = try await request(client, "status=500", "PUT", body: "lost")
            #expect(try await socket.read().status == 500)
            // The body was read, so the connection goes on.
            try await socket.write(client.head("GET", "/bkt/k"))
            #expect(try await socket.read().status == 404)
            #expect(try await request(client, "status=500; perform=true", "PUT", body: "kept").read().status == 500)
            #expect(try await client.send("GET", "/bkt/k").text == "kept")
        }
    }

    @Test func resets() async throws {
        try await withControl { client, _ async throws in
            let before = try await request(client, "reset=before", "PUT", body: "lost").readToEnd()
            #expect(before.text.isEmpty && before.isReset)
            #expect(try await client.send("GET", "/bkt/k").status == 404)
            // An upload that succeeded, with its answer lost.
            let lost = try await request(client, "reset=before; perform=true", "PUT", body: "0123456789").readToEnd()
            #expect(lost.text.isEmpty && lost.isReset)
            #expect(try await client.send("GET", "/bkt/k").text == "0123456789")
            let within = try await request(client, "reset=4").readToEnd()
            #expect(within.text.contains("Content-Length: 10\r\n") && within.isReset)
            #expect(body(of: within.text) == "0123")
            let head = try await request(client, "reset=0").readToEnd()
            #expect(head.text.hasSuffix("\r\n\r\n") && head.isReset)
            let after = try await request(client, "reset=after").readToEnd()
            #expect(body(of: after.text) == "0123456789" && after.isReset)
        }
    }

    @Test func truncation() async throws {
        try await withControl { client, _ async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let cut = try await request(client, "truncate=7").readToEnd()
            #expect(cut.text.contains("Content-Length: 10\r\n") && body(of: cut.text) == "0123456" && !cut.isReset)
            #expect(try await get(client, "truncate=10").text == "0123456789")
        }
    }

    @Test func stalls() async throws {
        let gate = Gate()
        let sleeps = Sleeps()
        try await withControl {
            $0.sleep = { milliseconds in
                sleeps.sleep(milliseconds)
                await gate.wait()
            }
        } _: { client, _ async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let socket = try await request(client, "stall=30000@4")
            var head: [UInt8] = []
            while !head.suffix(4).elementsEqual([13, 10, 13, 10]) { head += try await socket.read(count: 1) }
            #expect(try await socket.read(count: 4) == Array("0123".utf8))
            await gate.open()
            #expect(try await socket.read(count: 6) == Array("456789".utf8))
            // The connection is as good as before.
            try await socket.write(client.head("GET", "/bkt/k"))
            #expect(try await socket.read().text == "0123456789")
            #expect(sleeps.all == [30000])
            #expect(try await get(client, "stall=100; stall=200@0; stall=300@9; latency=50").text == "0123456789")
            #expect(sleeps.all == [30000, 50, 100, 200, 300])
        }
    }

    @Test func shutdownDoesNotWaitForAStall() async throws {
        var configuration = EmulatorConfiguration.unhurried
        configuration.allowsFaultHeaders = true
        let gate = Gate()
        configuration.sleep = { _ in
            await gate.open()
            try await Task.sleep(for: .seconds(3600))
        }
        let emulator = try await Emulator.start(configuration)
        let socket = try await request(TestClient(emulator), "stall=3600000")
        await gate.wait()
        try await emulator.shutdown()
        _ = try await socket.readToEnd()
    }

    @Test func bandwidth() async throws {
        let sleeps = Sleeps()
        try await withControl {
            $0.sleep = { sleeps.sleep($0) }
        } _: { client, _ async throws in
            let body = [UInt8](repeating: 7, count: 100_000)
            let put = try await client.send("PUT", "/bkt/k", headers: [Self.name: "bandwidth=10000"], body: body)
            #expect(put.status == 200)
            // Ten seconds, whatever pieces it came in.
            #expect(sleeps.all.reduce(0, +) == 10_000)
            let up = sleeps.all.count
            #expect(try await get(client, "bandwidth=10000").body == body)
            // The last pause comes behind the last piece.
            #expect(try await eventually { sleeps.all[up...].reduce(0, +) == 10_000 })
            #expect(sleeps.all.count >= up + 200)
        }
    }

    @Test func smallPiecesAreNotFaster() {
        var pace = Pace(bytesPerSecond: 10_000)
        #expect((0..<100).map { _ in pace.pause(after: 1) }.reduce(0, +) == 10)
        #expect(pace.pause(after: 19) == 1 && pace.pause(after: 1) == 1)
    }

    @Test func damage() async throws {
        try await withControl { client, _ async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let good = try await client.send("GET", "/bkt/k")
            let corrupt = try await get(client, "corrupt=3")
            #expect(corrupt.body == Array("012".utf8) + [~UInt8(ascii: "3")] + Array("456789".utf8))
            #expect(corrupt.headers["x-oss-hash-crc64ecma"] == good.headers["x-oss-hash-crc64ecma"])
            let wrong = try await get(client, "crc=wrong; etag=wrong; md5=wrong")
            #expect(wrong.text == "0123456789")
            for header in ["x-oss-hash-crc64ecma", "etag", "content-md5"] {
                #expect(good.headers[header] != nil && wrong.headers[header] != nil)
                #expect(wrong.headers[header] != good.headers[header])
            }
            let put = try await client.send("PUT", "/bkt/k2", headers: [Self.name: "crc=wrong"], body: good.body)
            #expect(put.status == 200 && put.headers["x-oss-hash-crc64ecma"] != good.headers["x-oss-hash-crc64ecma"])
            #expect(try await get(client, "header=Date:").headers["date"] == nil)
            let epoch = try await get(client, "header=Date:Thu, 01 Jan 1970 00:00:00 GMT")
            #expect(epoch.headers["date"] == "Thu, 01 Jan 1970 00:00:00 GMT")
        }
    }

    @Test func skewedClock() async throws {
        let now = EmulatorInstant(millisecondsSince1970: 1_702_743_657_000)
        try await withControl {
            $0.now = { now }
        } _: { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let reply = try await get(client, "skew=3600")
            #expect(reply.status == 403 && reply.element("Code") == "RequestTimeTooSkewed")
            #expect(reply.element("ServerTime") == "2023-12-16T17:20:57.000Z")
            #expect(reply.headers["date"] == "Sat, 16 Dec 2023 17:20:57 GMT")
            let slight = try await get(client, "skew=-600")
            #expect(slight.status == 200 && slight.headers["date"] == "Sat, 16 Dec 2023 16:10:57 GMT")

            #expect(try await control.json("PUT", "/clock", #"{"offset": -7200}"#)["now"] == "2023-12-16T14:20:57.000Z")
            let behind = try await client.send("GET", "/bkt/k")
            #expect(behind.status == 403 && behind.element("ServerTime") == "2023-12-16T14:20:57.000Z")
            #expect(behind.headers["date"] == "Sat, 16 Dec 2023 14:20:57 GMT")
            var corrected = client
            corrected.now.millisecondsSince1970 -= 7_200_000
            #expect(try await corrected.send("GET", "/bkt/k").status == 200)
            #expect(try await control.json("GET", "/clock")["offset"] == .number("-7200.0"))
            #expect(try await control.send("PUT", "/clock", #"{"offset": 1e300}"#).status == 400)
            #expect(try await control.send("PUT", "/clock", #"{"offset": "1"}"#).status == 400)
            _ = try await control.json("PUT", "/clock", #"{"offset": 0}"#)
            #expect(try await client.send("GET", "/bkt/k").status == 200)
        }
    }

    @Test func gzip() async throws {
        try await withControl { client, _ async throws in
            let body = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 31) }
            _ = try await client.send("PUT", "/bkt/k", body: body)
            #expect(try await get(client, "gzip=true").body == body)
            let head = client.head(
                "GET", "/bkt/k",
                headers: [Self.name: "gzip=true", "Accept-Encoding": "gzip, deflate", "Connection": "close"])
            let socket = try Socket(port: client.emulator.port)
            try await socket.write(head)
            var bytes: [UInt8] = []
            while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) { bytes += try await socket.read(count: 1) }
            let headers = String(decoding: bytes, as: UTF8.self).lowercased()
            #expect(
                headers.contains("content-encoding: gzip\r\n") && headers.contains("transfer-encoding: chunked\r\n"))
            #expect(!headers.contains("content-length") && !headers.contains("\netag"))
            #expect(try inflate(try await dechunk(socket)) == body)
        }
    }

    private func dechunk(_ socket: Socket) async throws -> [UInt8] {
        var result: [UInt8] = []
        while true {
            var line = ""
            while !line.hasSuffix("\r\n") { line += String(decoding: try await socket.read(count: 1), as: UTF8.self) }
            let size = try #require(Int(line.dropLast(1), radix: 16))
            result += try await socket.read(count: size)
            _ = try await socket.read(count: 2)
            if size == 0 { return result }
        }
    }

    /// Reads gzip of stored blocks only, checksum and length too.
    private func inflate(_ gzip: [UInt8]) throws -> [UInt8] {
        func number(_ start: Int, _ count: Int) -> Int {
            (0..<count).reduce(0) { $0 | Int(gzip[start + $1]) << (8 * $1) }
        }
        #expect(gzip.starts(with: [31, 139, 8, 0]))
        var result: [UInt8] = []
        var index = 10
        var isLast = false
        while !isLast {
            isLast = gzip[index] == 1
            let size = number(index + 1, 2)
            #expect(size ^ number(index + 3, 2) == 0xFFFF)
            result += gzip[index + 5..<index + 5 + size]
            index += 5 + size
        }
        var crc = UInt32.max
        for byte in result {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        #expect(number(index, 4) == Int(~crc) && number(index + 4, 4) == result.count && index + 8 == gzip.count)
        return result
    }

    @Test func theBodyOfARequestIsReadAsFarAsWanted() async throws {
        try await withControl { client, _ async throws in
            // Nothing of it is there, and the answer comes.
            let early = try Socket(port: client.emulator.port)
            try await early.write(
                client.head(
                    "PUT", "/bkt/k", headers: [Self.name: "status=503; read=0", "Content-Length": "1000000000"]))
            let reply = try await early.read()
            #expect(reply.status == 503 && reply.headers["connection"] == "close")
            let cut = try Socket(port: client.emulator.port)
            try await cut.write(
                client.head("PUT", "/bkt/k", headers: [Self.name: "reset=before; read=5", "Content-Length": "10"])
                    + "01234")
            #expect(try await cut.readToEnd().isReset)
            let waiting = try Socket(port: client.emulator.port)
            try await waiting.write(
                client.head(
                    "PUT", "/bkt/k",
                    headers: [Self.name: "status=503; read=0", "Content-Length": "10", "Expect": "100-continue"]))
            #expect(try await waiting.read().status == 503)
            #expect(try await client.send("GET", "/bkt/k").status == 404)
        }
    }

    @Test(arguments: [
        "status=99", "status=abc", "nonsense", "delay=1", "stall=1@x", "stall=-1", "perform=yes", "crc=bad",
        "header=a", "header=a b:c", "message=%zz", "bandwidth=0", ";", "skew=99999999999", "reset=sometimes",
    ])
    func mistakesAreTold(_ fault: String) async throws {
        try await withControl { client, _ async throws in
            let reply = try await get(client, fault)
            #expect(reply.status == 400 && reply.element("ArgumentName") == "x-emulator-fault")
        }
    }
}

/// Which requests the rules of the control endpoint pick.
@Suite struct FaultRuleTests {
    @Test func rulesMatch() async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/other/")
            let matches: [(String, [Int])] = [
                (#"{"operation": "GetObject"}"#, [418, 200, 418, 418, 404]),
                (#"{"operation": ["HeadObject", "PutObject"]}"#, [200, 418, 404, 404, 404]),
                (#"{"method": "PUT"}"#, [200, 418, 404, 404, 404]),
                (#"{"bucket": "other"}"#, [200, 200, 404, 418, 404]),
                (#"{"prefix": "dir/"}"#, [200, 200, 418, 404, 404]),
                (#"{"query": "uploadId"}"#, [200, 200, 404, 404, 418]),
                (#"{"query": ["uploadId=u", "acl"]}"#, [200, 200, 404, 404, 404]),
                (#"{"method": "GET", "bucket": "bkt", "prefix": "k"}"#, [418, 200, 404, 404, 418]),
                ("{}", [418, 418, 418, 418, 418]),
            ]
            for (match, expected) in matches {
                _ = try await control.send("DELETE", "/faults")
                _ = try await client.send("PUT", "/bkt/k", text: "x")
                try await control.fault(#"{"match": \#(match), "fault": {"status": 418, "code": "Teapot"}}"#)
                let statuses = [
                    try await client.send("GET", "/bkt/k").status, try await client.send("PUT", "/bkt/k").status,
                    try await client.send("GET", "/bkt/dir/a").status, try await client.send("GET", "/other/k").status,
                    try await client.send("GET", "/bkt/k", query: [("uploadId", "u")]).status,
                ]
                #expect(statuses == expected, "\(match)")
            }
        }
    }

    @Test func rulesCount() async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "x")
            func hits(_ rule: String, of count: Int) async throws -> [Int] {
                _ = try await control.send("DELETE", "/faults")
                try await control.fault(#"{\#(rule), "fault": {"status": 500}}"#)
                var hits: [Int] = []
                for index in 1...count where try await client.send("GET", "/bkt/k").status == 500 { hits.append(index) }
                return hits
            }
            #expect(try await hits(#""times": 2"#, of: 4) == [1, 2])
            #expect(try await hits(#""skip": 2, "times": 1"#, of: 5) == [3])
            #expect(try await hits(#""every": 3"#, of: 7) == [1, 4, 7])
            #expect(try await hits(#""skip": 1, "every": 2, "times": 2"#, of: 8) == [2, 4])
            #expect(try await hits(#""probability": 0"#, of: 3).isEmpty)
            let some = try await hits(#""probability": 0.5, "seed": 7"#, of: 20)
            #expect((3...17).contains(some.count))
            #expect(try await hits(#""probability": 0.5, "seed": 7"#, of: 20) == some)
            #expect(try await hits(#""probability": 0.5, "seed": 8"#, of: 20) != some)
            let rule = try await control.json("GET", "/faults")["faults"]?[0]
            #expect(rule?["matched"] == .number(20) && rule?["seed"] == .number(8))
            #expect(rule?["fault"]?["status"] == .number(500))
        }
    }

    @Test func rulesAreListedAndDeleted() async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "x")
            let first = try await control.json("POST", "/faults", #"{"fault": {"status": 500}, "times": 1}"#)
            let second = try await control.json(
                "POST", "/faults", #"{"fault": {"stall": "10@2", "header": ["A:1", "B:2"]}}"#)
            #expect(first["id"] == "1" && second["id"] == "2")
            // The first that is for a request wins, then the next.
            #expect(try await client.send("GET", "/bkt/k").status == 500)
            let reply = try await client.send("GET", "/bkt/k")
            #expect(reply.status == 200 && reply.headers["a"] == "1" && reply.headers["b"] == "2")
            #expect(try await control.json("GET", "/faults/1")["injected"] == .number(1))
            #expect(try await control.send("DELETE", "/faults/1").status == 204)
            #expect(try await control.send("DELETE", "/faults/1").status == 404)
            #expect(try await control.json("GET", "/faults")["faults"]?.items.count == 1)
            #expect(try await control.send("DELETE", "/faults").status == 204)
            #expect(try await control.json("GET", "/faults")["faults"]?.items.isEmpty == true)
            #expect(try await client.send("GET", "/bkt/k").headers["a"] == nil)
        }
    }

    @Test(arguments: [
        ("", "JSON"), ("[]", "object"), ("{}", "'fault'"), (#"{"fault": 1}"#, "object"), (#"{"fault": {}}"#, "nothing"),
        (#"{"fault": {"status": 1000}}"#, "'status'"), (#"{"fault": {"stall": {}}}"#, "'stall'"),
        (#"{"fault": {"status": 500}, "tmes": 1}"#, "'tmes'"), (#"{"fault": {"status": 500}, "times": 0}"#, "'times'"),
        (#"{"fault": {"status": 500}, "probability": 2}"#, "'probability'"),
        (#"{"fault": {"status": 500}, "match": {"operation": "GetObjekt"}}"#, "'GetObjekt'"),
        (#"{"fault": {"status": 500}, "match": {"key": "a"}}"#, "'key'"),
        (#"{"fault": {"status": 500}, "match": {"bucket": 1}}"#, "'bucket'"),
        (#"{"fault": {"status": 500}} x"#, "byte 27"), (#"{"fault": {"status": 500}, "fault": {}}"#, "twice"),
    ])
    func mistakesAreTold(_ rule: String, _ word: String) async throws {
        try await withControl { _, control async throws in
            let reply = try await control.send("POST", "/faults", rule)
            #expect(reply.status == 400 && reply.text.contains(word), "\(reply.text)")
        }
    }
}

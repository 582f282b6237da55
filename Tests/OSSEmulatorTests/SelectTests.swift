import NIOCore
import Testing

@testable import OSSEmulator

@Suite struct SelectTests {
    /// An answer, taken apart.
    private struct Answer {
        var status: Int
        var text = ""
        var error = ""
        var scanned: Int64 = 0
        var rows: Int64 = 0
        var columns: UInt32 = 0
        var types: [UInt32] = []
        var code: String?

        init(_ reply: Reply, isRaw: Bool = false) {
            status = reply.status
            code = reply.element("Code")
            guard status < 300 else { return }
            guard !isRaw else {
                text = reply.text
                return
            }
            var bytes = ByteBuffer(bytes: reply.body)
            while let type: UInt32 = bytes.readInteger(), let length: UInt32 = bytes.readInteger() {
                #expect(bytes.readInteger() == UInt32(0))
                var payload = bytes.readSlice(length: Int(length)) ?? ByteBuffer()
                let checksum = bytes.readInteger(as: UInt32.self)
                #expect(checksum == Self.crc32(Array(payload.readableBytesView)))
                types.append(type)
                scanned = payload.readInteger() ?? -1
                switch type & 0xFF_FFFF {
                case 0x80_0001: text += String(buffer: payload)
                case 0x80_0005:
                    _ = payload.readInteger(as: Int64.self)
                    #expect(payload.readInteger(as: UInt32.self) == (payload.readableBytes > 0 ? 400 : 200))
                    error = String(buffer: payload)
                default:
                    _ = payload.readInteger(as: Int64.self)
                    #expect(payload.readInteger(as: UInt32.self) == 200)
                    #expect(payload.readInteger(as: UInt32.self) == 1)
                    rows = payload.readInteger() ?? -1
                    if type & 0xFF == 6 { columns = payload.readInteger() ?? 0 }
                }
            }
            #expect(bytes.readableBytes == 0)
        }

        private static func crc32(_ bytes: [UInt8]) -> UInt32 {
            var crc = UInt32.max
            for byte in bytes {
                crc ^= UInt32(byte)
                for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
            }
            return ~crc
        }
    }

    private static func select(
        _ client: TestClient, _ kind: String, _ sql: String, input: String = "", output: String = "",
        options: String = "",
        compression: String = "", headers: [String: String] = [:], key: String = "k"
    ) async throws -> Answer {
        let body = """
            <SelectRequest><Expression>\(base64(Array(sql.utf8)))</Expression><InputSerialization>
            <CompressionType>\(compression)</CompressionType><\(kind.uppercased())>\(input)</\(kind.uppercased())>
            </InputSerialization><OutputSerialization>\(output)</OutputSerialization><Options>\(options)</Options>
            </SelectRequest>
            """
        let reply = try await client.send(
            "POST", "/bkt/" + key, query: [("x-oss-process", kind + "/select")], headers: headers, text: body)
        let isRaw = output.contains("<OutputRawData>true")
        if reply.status < 300 { #expect(reply.status == 206 && reply.headers["x-oss-select-output-raw"] == "\(isRaw)") }
        return Answer(reply, isRaw: isRaw)
    }

    private static let people =
        "Name,age,city\nAnn,30,\"Bad \"\"Ems\"\", DE\"\nBob,4,\n#c,1,x\nCid,,Oslo\nDan,12.5,Oslo\n"
    private static let use = "<FileHeaderInfo>Use</FileHeaderInfo><CommentCharacter>Iw==</CommentCharacter>"

    @Test func csv() async throws {
        try await withEmulator { client async throws in
            _ = try await client.send("PUT", "/bkt/k", text: Self.people)
            func rows(_ sql: String, _ output: String = "") async throws -> String {
                let answer = try await Self.select(client, "csv", sql, input: Self.use, output: output)
                #expect(answer.status == 206 && answer.error.isEmpty, "\(sql): \(answer.error) \(answer.code ?? "")")
                return answer.text
            }
            #expect(
                try await rows("select * from ossobject")
                    == "Ann,30,\"Bad \"\"Ems\"\", DE\"\nBob,4,\nCid,,Oslo\nDan,12.5,Oslo\n")
            #expect(try await rows("SELECT NAME , _2 FROM OssObject o WHERE o.age > 10") == "Ann,30\nDan,12.5\n")
            #expect(try await rows("select name from ossobject where age < 12.6 and age >= 4") == "Bob\nDan\n")
            #expect(try await rows("select name from ossobject where city like 'E_s\", DE'") == "")
            #expect(try await rows("select name from ossobject where city like '%\"E_s\", DE'") == "Ann\n")
            #expect(
                try await rows("select name from ossobject where not city like 'O%' or age is null") == "Ann\nBob\n")
            #expect(try await rows("select name from ossobject where name in ('Ann', 'Dan', 'x')") == "Ann\nDan\n")
            #expect(try await rows("select name from ossobject where name not in ('Ann', 'Dan')") == "Bob\nCid\n")
            #expect(try await rows("select name from ossobject where age between 4 and 12") == "Bob\n")
            #expect(try await rows("select name from ossobject where name between 'B' and 'D'") == "Bob\nCid\n")
            #expect(try await rows("select name from ossobject where name || city = 'CidOslo'") == "Cid\n")
            #expect(
                try await rows("select name from ossobject where (age * 2 + 1) % 3 = 1 and age / 2 = 15 or 1 = 2")
                    == "Ann\n")
            #expect(try await rows("select name from ossobject where cast(age as int) = 12") == "Dan\n")
            #expect(try await rows("select name from ossobject where cast(age as double) is null") == "Cid\n")
            #expect(try await rows("select name from ossobject where -age < -10.5e0") == "Ann\nDan\n")
            #expect(try await rows("select name from ossobject limit 2") == "Ann\nBob\n")
            #expect(try await rows("select name from ossobject limit 0") == "")
            #expect(try await rows("select name from ossobject where true limit 1;") == "Ann\n")
            #expect(
                try await rows(
                    "select \"age\" as a as b from ossobject where name='Bob'", "<OutputHeader>true</OutputHeader>")
                    == "b\n4\n")
            #expect(
                try await rows("select age from ossobject where name='Bob'", "<KeepAllColumns>true</KeepAllColumns>")
                    == ",4,\n")
            #expect(
                try await rows(
                    "select name, city from ossobject where age = 4 or age = 30",
                    "<CSV><FieldDelimiter>fA==</FieldDelimiter><RecordDelimiter>DQo=</RecordDelimiter></CSV>")
                    == "Ann|\"Bad \"\"Ems\"\", DE\"\r\nBob|\r\n")
            #expect(
                try await rows("select count(*), count(age), sum(age), min(age), max(age), avg(age) from ossobject")
                    == "4,4,46.5,4,30,15.5\n")
            #expect(try await rows("select count(*), sum(age), max(name) from ossobject where age > 99") == "0,,\n")
            #expect(
                try await rows("select max(city), min(cast(age as int)) from ossobject where city = 'Oslo'")
                    == "Oslo,12\n")
            #expect(
                try await rows(
                    "select name from ossobject where cast('2018-07-16 10:00:00' as timestamp) > cast('2018-07-16' as timestamp) limit 1"
                ) == "Ann\n")
            let raw = try await Self.select(
                client, "csv", "select _1 from ossobject", input: "<FileHeaderInfo>Ignore</FileHeaderInfo>",
                output: "<OutputRawData>true</OutputRawData>")
            #expect(raw.text == "Ann\nBob\n#c\nCid\nDan\n")
            #expect(try await rows("select name from ossobject").isEmpty == false)
        }
    }

    @Test func csvRangesAndFailures() async throws {
        try await withEmulator { client async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "a,b\n1,2\n3\n4,x\n5,6")
            func select(_ sql: String, _ input: String = "", options: String = "", headers: [String: String] = [:])
                async throws -> Answer
            {
                try await Self.select(client, "csv", sql, input: input, options: options, headers: headers)
            }
            let use = "<FileHeaderInfo>use</FileHeaderInfo>"
            for (range, text) in [
                ("line-range=1-2", "1\n3\n"), ("line-range=0-1", "1\n"), ("line-range=3-", "4\n5\n"),
                ("line-range=-2", "4\n5\n"), ("split-range=0-0", "1\n3\n4\n5\n"), ("split-range=1-", ""),
                ("2-2", "3\n"),
            ] {
                #expect(
                    try await select("select a from ossobject", use + "<Range>\(range)</Range>").text == text,
                    "\(range)")
            }
            for bad in ["line-range=2-1", "line-range=a-b", "x=1-2", "line-range=1"] {
                #expect(
                    try await select("select a from ossobject", use + "<Range>\(bad)</Range>").code == "InvalidRange")
            }
            #expect(try await select("select * from ossobject", headers: ["Range": "bytes=4-6"]).text == "1,2\n")
            #expect(try await select("select a, b from ossobject", use).text == "1,2\n3,\n4,x\n5,6\n")
            let skip = "<SkipPartialDataRecord>true</SkipPartialDataRecord>"
            let partial = try await select("select a, b from ossobject", use, options: skip)
            #expect(partial.text == "1,2\n" && partial.error.hasPrefix("InvalidDataRecord."))
            let lenient = skip + "<MaxSkippedRecordsAllowed>1</MaxSkippedRecordsAllowed>"
            #expect(try await select("select a, b from ossobject", use, options: lenient).text == "1,2\n4,x\n5,6\n")
            let cast = try await select("select a from ossobject where cast(b as int) > 1", use)
            #expect(cast.text == "1\n" && cast.error.contains("x is no int"))
            #expect(cast.scanned == 14)
            for bad in [
                "", "select", "select * from", "select * from other", "select * from ossobject where",
                "select * from ossobject group by a", "select * from ossobject order by a",
                "select a || b from ossobject",
                "select * from ossobject where avg(a) > 1", "select a, count(*) from ossobject",
                "select * from ossobject limit x",
                "select * from ossobject x join s3object y on x.a = y.a", "select c from ossobject", "insert",
                "select 'a from ossobject",
                "select * from ossobject.path", "select a from ossobject where a = 'x",
                "select * from ossobject where \u{1}",
                "select * from ossobject where " + String(repeating: "(", count: 500),
                "select * from ossobject where a in ()",
                "select upper(a) from ossobject", "select cast(a as blob) from ossobject",
                "select * from ossobject where a = '" + String(repeating: "x", count: 20000) + "'",
            ] {
                let answer = try await select(bad, use)
                #expect(answer.status == 400 && answer.code == "InvalidSqlParameter", "\(bad.prefix(80))")
            }
            _ = try await client.send("PUT", "/bkt/k", text: "a\n\"b\"c\n")
            #expect(try await select("select * from ossobject").error.hasPrefix("InvalidCsvLine."))
            _ = try await client.send("PUT", "/bkt/k", text: "a\n\"b\n")
            #expect(try await select("select * from ossobject").error.hasPrefix("InvalidCsvLine."))
            _ = try await client.send("PUT", "/bkt/k", text: String(repeating: "x", count: 300_000))
            #expect(try await select("select * from ossobject").error.hasPrefix("CsvLineTooLong."))
            for (input, code) in [
                ("<FieldDelimiter>x</FieldDelimiter>", "InvalidInputFieldDelimiter"),
                ("<RecordDelimiter>YWJj</RecordDelimiter>", "InvalidInputRecordDelimiter"),
                ("<QuoteCharacter>YWI=</QuoteCharacter>", "InvalidInputQuote"),
                ("<FileHeaderInfo>maybe</FileHeaderInfo>", "InvalidFileHeaderInfo"),
            ] {
                #expect(try await select("select * from ossobject", input).code == code)
            }
            let zip = try await Self.select(client, "csv", "select * from ossobject", compression: "ZIP")
            #expect(zip.code == "UnsupportedCompressionFormat")
            #expect(try await Self.select(client, "csv", "select * from ossobject", key: "none").code == "NoSuchKey")
        }
    }

    @Test func largeAnswers() async throws {
        try await withEmulator { client async throws in
            let lines = (0..<20000).map { "\($0),text of line \($0)" }
            _ = try await client.send("PUT", "/bkt/k", text: lines.joined(separator: "\n"))
            let all = try await Self.select(client, "csv", "select * from ossobject")
            #expect(all.text == lines.joined(separator: "\n") + "\n" && all.types.count > 5)
            let count = try await Self.select(client, "csv", "select count(*) from ossobject where _1 >= 10000")
            #expect(count.text == "10000\n")
        }
    }

    @Test func json() async throws {
        try await withEmulator { client async throws in
            let lines =
                #"{"a": 1, "b": {"c": "x/y", "d": [1, 2.50]}},"# + "\n" + #"{"a": 2.0e1, "B": null, "e": "\u00e9\n"}"#
            _ = try await client.send("PUT", "/bkt/k", text: lines)
            func rows(_ sql: String, _ type: String = "LINES", _ output: String = "", key: String = "k") async throws
                -> String
            {
                let answer = try await Self.select(
                    client, "json", sql, input: "<Type>\(type)</Type>", output: output, key: key)
                #expect(answer.status == 206 && answer.error.isEmpty, "\(sql): \(answer.error) \(answer.code ?? "")")
                return answer.text
            }
            let first = #"{"a":1,"b":{"c":"x\/y","d":[1,2.50]}}"#
            let second = #"{"a":2.0e1,"B":null,"e":"é\n"}"#
            #expect(try await rows("select * from ossobject") == first + "\n" + second + "\n")
            #expect(
                try await rows("select a, b.c from ossobject") == #"{"a":1,"c":"x\/y"}"# + "\n" + #"{"a":2.0e1}"# + "\n"
            )
            #expect(try await rows("select s.b.d[1] as x from ossobject s where b.c = 'x/y'") == #"{"x":2.50}"# + "\n")
            #expect(try await rows("select a from ossobject where a = 20") == #"{"a":2.0e1}"# + "\n")
            #expect(try await rows("select a from ossobject where b.c is null") == #"{"a":2.0e1}"# + "\n")
            #expect(try await rows("select sum(a), count(*) as n from ossobject") == #"{"_1":21,"n":2}"# + "\n")
            let comma = "<JSON><RecordDelimiter>LA==</RecordDelimiter></JSON>"
            #expect(try await rows("select A from ossobject", "lines", comma) == #"{"A":1},{"A":2.0e1},"#)
            _ = try await client.send(
                "PUT", "/bkt/d", text: #"{"o": [{"x": 1}, {"x": "2"}, {"y": [{"z": true}]}], "n": 1}"#)
            #expect(
                try await rows("select * from ossobject.o[*] where x > 1", "DOCUMENT", key: "d") == #"{"x":"2"}"# + "\n"
            )
            #expect(
                try await rows("select z from ossobject.o[*].y[*] where z", "Document", key: "d") == #"{"z":true}"#
                    + "\n")
            #expect(try await rows("select n from ossobject", "DOCUMENT", key: "d") == #"{"n":1}"# + "\n")
            #expect(try await rows("select * from ossobject.none[*]", "DOCUMENT", key: "d") == "")
            _ = try await client.send("PUT", "/bkt/bad", text: #"{"a": 1} {"a": }"#)
            let broken = try await Self.select(
                client, "json", "select a from ossobject", input: "<Type>LINES</Type>", key: "bad")
            #expect(broken.text == #"{"a":1}"# + "\n" && broken.error.hasPrefix("InvalidJsonData."))
            let document = try await Self.select(
                client, "json", "select a from ossobject", input: "<Type>DOCUMENT</Type>", key: "bad")
            #expect(document.status == 400 && document.code == "InvalidJsonData")
            _ = try await client.send("PUT", "/bkt/bad", text: String(repeating: "[", count: 10000))
            #expect(
                try await Self.select(
                    client, "json", "select a from ossobject", input: "<Type>DOCUMENT</Type>", key: "bad"
                )
                .status == 400)
            #expect(try await Self.select(client, "json", "select a from ossobject").code == "InvalidJsonType")
        }
    }

    @Test func metadata() async throws {
        try await withEmulator { client async throws in
            func meta(_ kind: String, _ body: String) async throws -> Answer {
                Answer(try await client.send("POST", "/bkt/k", query: [("x-oss-process", kind + "/meta")], text: body))
            }
            _ = try await client.send("PUT", "/bkt/k", text: "a,b,c\n1,\"x\ny\",3\n4,5,6")
            let csv = try await meta("csv", "<CsvMetaRequest/>")
            #expect(csv.status == 200 && csv.rows == 3 && csv.columns == 3 && csv.scanned == 21)
            #expect(
                try await meta(
                    "csv",
                    "<CsvMetaRequest><InputSerialization><CompressionType>GZIP</CompressionType></InputSerialization></CsvMetaRequest>"
                ).code == "UnsupportedCompressionFormat")
            _ = try await client.send("PUT", "/bkt/k", text: "{\n\"a\": 1\n}\n{}\n{\"b\": [\"}\"]}")
            let type = { (type: String) in
                "<JsonMetaRequest><InputSerialization><JSON><Type>\(type)</Type></JSON></InputSerialization></JsonMetaRequest>"
            }
            #expect(try await meta("json", type("LINES")).rows == 3)
            #expect(try await meta("json", type("DOCUMENT")).status == 400)
        }
    }

    @Test func gzip() async throws {
        let fixed: [UInt8] = [
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0x4b, 0xd4, 0x49, 0xe2, 0x32, 0xd4, 0x31, 0xe2, 2, 0, 0x7b, 0x07, 0x97,
            0x0a,
            8, 0, 0, 0,
        ]
        let stored: [UInt8] = [
            0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3, 0x6e, 0, 1, 3, 0, 0xfc, 0xff, 0x61, 0x0a, 0x62, 0xfb, 0x90, 0x07, 0xef,
            3, 0, 0, 0,
        ]
        func inflate(_ bytes: [UInt8], step: Int = 1) throws -> [UInt8] {
            var rest = bytes[...]
            var reader = GzipReader {
                guard !rest.isEmpty else { return nil }
                defer { rest = rest.dropFirst(step) }
                return Array(rest.prefix(step))
            }
            var result: [UInt8] = []
            while let piece = try reader.read() { result += piece }
            return result
        }
        #expect(try inflate(fixed) == Array("a,b\n1,2\n".utf8))
        #expect(try inflate(stored, step: 7) == Array("a\nb".utf8))
        // Members follow one another.
        #expect(try inflate(fixed + stored, step: 5) == Array("a,b\n1,2\na\nb".utf8))
        for length in 0..<fixed.count where length > 0 {
            #expect(throws: GzipReader.Failure.self) { try inflate(Array(fixed[..<length])) }
        }
        for _ in 0..<2000 {
            var bytes = fixed
            bytes[Int.random(in: 10..<bytes.count)] = .random(in: 0...255)
            _ = try? inflate(bytes)
        }
        try await withEmulator { client async throws in
            _ = try await client.client(put: "k", fixed)
            let answer = try await Self.select(client, "csv", "select _2 from ossobject", compression: "GZIP")
            #expect(answer.text == "b\n2\n")
            _ = try await client.client(put: "k", Array("no gzip, this".utf8))
            let bad = try await Self.select(client, "csv", "select _2 from ossobject", compression: "GZIP")
            #expect(bad.error.hasPrefix("DecompressFailure."))
        }
    }

    @Test func processingSaysWhatItCannot() async throws {
        try await withEmulator { client async throws in
            _ = try await client.send("PUT", "/bkt/t", text: "text")
            _ = try await client.client(put: "p", [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10, 0, 0, 0, 0, 0])
            let resize = [("x-oss-process", "image/resize,w_100")]
            #expect(try await client.send("GET", "/bkt/t", query: resize).element("Code") == "BadRequest")
            #expect(try await client.send("GET", "/bkt/p", query: resize).status == 501)
            #expect(try await client.send("GET", "/bkt/n", query: resize).status == 404)
            #expect(try await client.send("GET", "/bkt/t", query: [("x-oss-process", "")]).text == "text")
            let save = "x-oss-process=image/resize,w_100|sys/saveas,o_YQ"
            #expect(try await client.send("POST", "/bkt/p", query: [("x-oss-process", "")], text: save).status == 501)
            #expect(try await client.send("POST", "/bkt/p", query: [("x-oss-process", "")], text: "x").status == 400)
            let later = try await client.send(
                "POST", "/bkt/t", query: [("x-oss-async-process", "")], text: "x-oss-async-process=video/convert")
            #expect(later.element("Code") == "Imm Client")
            #expect(try await client.send("GET", "/bkt/", query: [("live", "")]).element("IsTruncated") == "false")
        }
    }
}

extension TestClient {
    fileprivate func client(put key: String, _ bytes: [UInt8]) async throws -> Reply {
        try await send("PUT", "/bkt/" + key, body: bytes)
    }
}

import OSSEmulator
import Testing

@Suite struct MetaQueryTests {
    private func code(_ reply: Reply) -> String { "\(reply.status) \(reply.element("Code") ?? "")" }

    private func act(
        _ client: TestClient, _ comp: String, _ body: String = "", mode: String? = nil
    ) async throws -> Reply {
        let query = [("metaQuery", ""), ("comp", comp)] + (mode.map { [("mode", $0)] } ?? [])
        return try await client.send(
            "POST", "/bkt/", query: query, text: body.isEmpty ? "" : "<MetaQuery>\(body)</MetaQuery>")
    }

    private func fill(_ client: TestClient) async throws {
        for (key, size, type, tag) in [
            ("a.txt", 10, "text/plain", "x=1"), ("b/forest.jpg", 30, "image/jpeg", "x=2"),
            ("c.jpg", 20, "image/jpeg", ""), ("d.txt", 20, "text/plain", "x=1"),
        ] {
            let reply = try await client.send(
                "PUT", "/bkt/\(key)",
                headers: ["Content-Type": type, "x-oss-tagging": tag, "x-oss-meta-size": "\(size)"],
                body: [UInt8](repeating: 7, count: size))
            #expect(reply.status == 200)
        }
    }

    @Test func states() async throws {
        let clock = TestClock()
        try await withEmulator {
            $0.now = { clock.now }
        } _: { client async throws in
            func status() async throws -> Reply {
                var client = client
                client.now = clock.now
                return try await client.configuration("metaQuery")
            }
            #expect(code(try await status()) == "404 MetaQueryNotExist")
            #expect(try await act(client, "query", "<Query></Query>").status == 404)
            #expect(code(try await act(client, "add", mode: "other")) == "400 InvalidArgument")
            #expect(try await act(client, "add").status == 200)
            #expect(try await act(client, "add").status == 409)
            let ready = try await status()
            #expect(ready.element("State") == "Ready" && ready.element("MetaQueryMode") == "basic")
            #expect(ready.element("CreateTime") == "2023-12-17T00:20:57.000+08:00")
            clock.advance(seconds: 5)
            let running = try await status()
            #expect(running.element("State") == "Running" && running.element("Phase") == "IncrementalScanning")
            #expect(try await act(client, "delete").status == 200)
            #expect(try await act(client, "delete").status == 200)
            #expect(try await status().status == 404)
            #expect(try await act(client, "add", mode: "semantic").status == 200)
            #expect(try await status().element("MetaQueryMode") == "semantic")
        }
    }

    @Test func conditions() async throws {
        try await withEmulator { client async throws in
            try await fill(client)
            _ = try await act(client, "add")
            func find(_ query: String, sort: String = "") async throws -> [String] {
                try await act(client, "query", "<Query>\(query)</Query>\(sort)").elements("Filename")
            }
            func condition(_ field: String, _ operation: String, _ value: String) -> String {
                #"{"Field": "\#(field)","Value": "\#(value)","Operation": "\#(operation)"}"#
            }
            let all = ["a.txt", "b/forest.jpg", "c.jpg", "d.txt"]
            #expect(try await find("") == all)
            for (query, found) in [
                (condition("Size", "gt", "0"), all), (condition("Size", "gt", "10"), Array(all[1...])),
                (condition("Size", "gte", "20"), Array(all[1...])), (condition("Size", "lt", "20"), ["a.txt"]),
                (condition("Size", "lte", "9"), []), (condition("Size", "eq", "30"), ["b/forest.jpg"]),
                (#"{"Field":"Size","Value":30,"Operation":"eq"}"#, ["b/forest.jpg"]),
                (condition("Filename", "prefix", "b/"), ["b/forest.jpg"]),
                (condition("Filename", "match", "JPG"), ["b/forest.jpg", "c.jpg"]),
                (condition("ContentType", "eq", "text/plain"), ["a.txt", "d.txt"]),
                (condition("OSSTagging.x", "eq", "1"), ["a.txt", "d.txt"]),
                (condition("OSSUserMeta.x-oss-meta-size", "eq", "30"), ["b/forest.jpg"]),
                (condition("OSSStorageClass", "eq", "Standard"), all),
                (condition("OSSTaggingCount", "eq", "0"), ["c.jpg"]),
                (condition("FileModifiedTime", "gt", "2020-01-01T00:00:00.000+08:00"), all),
                (condition("FileModifiedTime", "lt", "2020-01-01T00:00:00Z"), []),
                (condition("CacheControl", "eq", ""), []),
                (
                    #"{"SubQueries":[\#(condition("Size", "lt", "30")),\#(condition("MediaType", "eq", "image"))],"Operation":"and"}"#,
                    ["c.jpg"]
                ),
                (
                    #"{"SubQueries":[\#(condition("Size", "eq", "30")),{"SubQueries":[\#(condition("Size", "gt", "10"))],"Operation":"not"}],"Operation":"or"}"#,
                    ["a.txt", "b/forest.jpg"]
                ),
            ] { #expect(try await find(query) == found, "\(query)") }
            #expect(
                try await find("", sort: "<Sort>Size</Sort><Order>asc</Order>") == [
                    "a.txt", "c.jpg", "d.txt", "b/forest.jpg",
                ])
            #expect(try await find("", sort: "<Sort>Size</Sort>") == ["b/forest.jpg", "c.jpg", "d.txt", "a.txt"])
            #expect(
                try await find("", sort: "<Sort>Size,Filename</Sort><Order>desc,desc</Order>")
                    == ["b/forest.jpg", "d.txt", "c.jpg", "a.txt"])
            for bad in [
                "<Query>{</Query>", "<Query>[]</Query>", #"<Query>{"Operation":"eq"}</Query>"#,
                "<Query>\(condition("Nothing", "eq", "1"))</Query>", "<Query>\(condition("Size", "is", "1"))</Query>",
                "<Sort>Nothing</Sort>", "<Sort>Size</Sort><Order>up</Order>", "<NextToken>!</NextToken>",
                "<Aggregations><Aggregation><Field>Size</Field><Operation>mean</Operation></Aggregation></Aggregations>",
                "<Aggregations><Aggregation><Field>Filename</Field><Operation>sum</Operation></Aggregation></Aggregations>",
            ] { #expect(code(try await act(client, "query", bad)) == "400 InvalidArgument", "\(bad)") }
            #expect(code(try await act(client, "query", "<MaxResults>many</MaxResults>")) == "400 MalformedXML")
            let deep = String(repeating: #"{"SubQueries":["#, count: 200)
            #expect(code(try await act(client, "query", "<Query>\(deep)</Query>")) == "400 InvalidArgument")
        }
    }

    @Test func filesPagesAndAggregations() async throws {
        try await withEmulator { client async throws in
            try await fill(client)
            _ = try await act(client, "add")
            var names: [String] = []
            var token = ""
            repeat {
                let page = try await act(
                    client, "query",
                    "<MaxResults>3</MaxResults><Sort>Size</Sort><Order>asc</Order><NextToken>\(token)</NextToken>")
                names += page.elements("Filename")
                token = page.element("NextToken") ?? ""
            } while !token.isEmpty
            #expect(names == ["a.txt", "c.jpg", "d.txt", "b/forest.jpg"])
            let file = try await act(client, "query", #"<Query>{"Field":"Size","Value":"30","Operation":"eq"}</Query>"#)
            #expect(file.element("URI") == "oss://bkt/b/forest.jpg" && file.element("OSSObjectType") == "Normal")
            #expect(file.element("ETag")?.hasPrefix("&quot;") == true && file.element("MediaType") == "image")
            #expect(file.text.contains("<UserMeta><Key>x-oss-meta-size</Key><Value>30</Value></UserMeta>"))
            #expect(file.text.contains("<Tagging><Key>x</Key><Value>2</Value></Tagging>"))

            let operations = ["min", "max", "sum", "average", "count", "distinct", "group"]
            let aggregated = try await act(
                client, "query",
                "<Aggregations>"
                    + operations.map {
                        "<Aggregation><Field>Size</Field><Operation>\($0)</Operation></Aggregation>"
                    }.joined() + "</Aggregations>")
            #expect(aggregated.elements("Operation") == operations)
            #expect(aggregated.elements("Value") == ["10", "30", "80", "20.0", "4", "3", "20", "10", "30"])
            #expect(aggregated.elements("Count") == ["2", "1", "1"])
            #expect(aggregated.elements("File").isEmpty && aggregated.element("NextToken") == "")
        }
    }

    @Test func sentences() async throws {
        try await withEmulator { client async throws in
            try await fill(client)
            _ = try await act(client, "add", mode: "semantic")
            func find(_ body: String) async throws -> [String] {
                try await act(client, "query", body, mode: "semantic").elements("Filename")
            }
            let query = "<Query>Overlook the snow-covered forest</Query>"
            #expect(try await find(query) == ["b/forest.jpg"])
            let small = #"<SimpleQuery>{"Operation":"lt", "Field": "Size", "Value": "30"}</SimpleQuery>"#
            #expect(try await find(query + small) == [])
            #expect(try await find("<MediaTypes><MediaType>image</MediaType></MediaTypes>" + small) == ["c.jpg"])
            // The index of the other mode doesn't take sentences.
            _ = try await act(client, "delete")
            _ = try await act(client, "add")
            #expect(code(try await act(client, "query", query, mode: "semantic")) == "400 InvalidArgument")
        }
    }

    @Test func actions() async throws {
        try await withEmulator { client async throws in
            func act(_ name: String, _ action: String) async throws -> Reply {
                try await client.send("POST", "/bkt/", query: [(name, ""), ("action", action)])
            }
            let refused = try await act("metaQuery", "createDataset")
            #expect(code(refused) == "400 OperationNotSupported" && refused.element("EC") == "0037-00000001")
            #expect(code(try await act("MetaQuery", "createDataset")) == "405 MethodNotAllowed")
            #expect(try await act("metaQuery", "openMetaQuery").status == 200)
            #expect(try await act("metaQuery", "getMetaQueryStatus").element("State") == "Ready")
            #expect(try await act("metaQuery", "closeMetaQuery").status == 200)
        }
    }
}

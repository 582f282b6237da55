import OSSEmulator
import Testing

@Suite struct LiveChannelTests {
    private static let target = "<Target><Type>HLS</Type></Target>"

    private static func put(_ client: TestClient, _ name: String, _ content: String = target) async throws -> Reply {
        try await client.send(
            "PUT", "/bkt/\(name)", query: [("live", "")],
            text: "<LiveChannelConfiguration>\(content)</LiveChannelConfiguration>")
    }

    @Test func aChannel() async throws {
        try await withEmulator { client async throws in
            func get(_ comp: String = "") async throws -> Reply {
                let query = comp.isEmpty ? [("live", "")] : [("live", ""), ("comp", comp)]
                return try await client.send("GET", "/bkt/c", query: query)
            }
            #expect(try await get().element("Code") == "NoSuchLiveChannel")
            let made = try await Self.put(client, "c")
            let host = "bkt.127.0.0.1:\(client.emulator.port)"
            #expect(made.elements("Url") == ["rtmp://\(host)/live/c", "http://\(host)/c/playlist.m3u8"])
            let info = try await get()
            #expect(info.element("Status") == "enabled" && info.element("Description")?.isEmpty == true)
            #expect(info.element("FragDuration") == "5" && info.element("FragCount") == "3")
            #expect(try await get("stat").element("Status") == "Idle")
            #expect(try await get("history").status == 200)
            func set(_ status: String) async throws -> Int {
                try await client.send("PUT", "/bkt/c", query: [("live", ""), ("status", status)]).status
            }
            #expect(try await set("disabled") == 200)
            #expect(try await get().element("Status") == "disabled")
            #expect(try await get("stat").element("Status") == "Disabled")
            #expect(try await set("dozing") == 400)
            #expect(try await client.send("GET", "/bkt/", query: [("stat", "")]).element("LiveChannelCount") == "1")
            let times = [("vod", ""), ("startTime", "1700000000"), ("endTime", "1700000600")]
            #expect(try await client.send("GET", "/bkt/c", query: times).element("Code") == "InvalidArgument")
            #expect(
                try await client.send("POST", "/bkt/c/p.m3u8", query: times).element("Code") == "InvalidArgument")
            #expect(try await client.send("DELETE", "/bkt/c", query: [("live", "")]).status == 204)
            #expect(try await client.send("DELETE", "/bkt/c", query: [("live", "")]).status == 404)
        }
    }

    @Test(arguments: [
        "", "<Target><Type>DASH</Type></Target>", "<Target><Type>HLS</Type><FragCount>0</FragCount></Target>",
        "<Target><Type>HLS</Type><PlaylistName>list.txt</PlaylistName></Target>", "<Status>on</Status>\(target)",
    ])
    func whatIsRefused(content: String) async throws {
        try await withEmulator { client async throws in
            #expect(try await Self.put(client, "c", content).status == 400)
        }
    }

    @Test func pages() async throws {
        try await withEmulator { client async throws in
            for number in 0..<5 { _ = try await Self.put(client, "c\(number)") }
            func list(_ query: (String, String)...) async throws -> Reply {
                try await client.send("GET", "/bkt/", query: [("live", "")] + query)
            }
            let first = try await list(("max-keys", "2"), ("prefix", "c"))
            #expect(first.elements("Name") == ["c0", "c1"])
            #expect(first.element("NextMarker") == "c1" && first.element("IsTruncated") == "true")
            let rest = try await list(("marker", "c1"))
            #expect(rest.elements("Name") == ["c2", "c3", "c4"])
            #expect(rest.element("NextMarker")?.isEmpty == true && rest.element("MaxKeys") == "100")
            #expect(try await list(("prefix", "d")).elements("Name").isEmpty)
        }
    }
}

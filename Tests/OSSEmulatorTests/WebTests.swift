import OSSEmulator
import Testing

/// What browsers see of a bucket: cross-origin requests and websites.
@Suite struct WebTests {
    private func withOpenBucket(_ body: (TestClient) async throws -> Void) async throws {
        try await withEmulator {
            $0.blocksPublicAccess = false
        } _: { client async throws in
            _ = try await client.send("PUT", "/bkt/", query: [("acl", "")], headers: ["x-oss-acl": "public-read"])
            try await body(client)
        }
    }

    @Test func preflight() async throws {
        try await withEmulator { client async throws in
            func ask(
                _ origin: String?, _ method: String?, _ headers: String? = nil, path: String = "/bkt/k"
            ) async throws -> Reply {
                var fields: [String: String] = [:]
                fields["Origin"] = origin
                fields["Access-Control-Request-Method"] = method
                fields["Access-Control-Request-Headers"] = headers
                return try await client.send("OPTIONS", path, headers: fields, isSigned: false)
            }
            #expect(try await ask("http://a", "GET").element("Code") == "AccessForbidden")
            #expect(try await ask("http://a", "GET", path: "/none/k").element("Code") == "NoSuchBucket")
            _ = try await client.configure(
                "cors", "CORSConfiguration",
                """
                <CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>
                <AllowedMethod>HEAD</AllowedMethod><AllowedHeader>GET</AllowedHeader></CORSRule>
                <CORSRule><AllowedOrigin>http://www.*.com</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>
                <AllowedMethod>POST</AllowedMethod><AllowedHeader>x-oss-*</AllowedHeader>
                <ExposeHeader>x-oss-1</ExposeHeader><ExposeHeader>x-oss-2</ExposeHeader>
                <MaxAgeSeconds>33</MaxAgeSeconds></CORSRule>
                """)
            let put = try await ask("http://www.example.com", "PUT", "X-Oss-Test2")
            #expect(put.status == 200 && put.body.isEmpty)
            #expect(put.headers["access-control-allow-origin"] == "http://www.example.com")
            #expect(put.headers["access-control-allow-methods"] == "PUT, POST")
            #expect(put.headers["access-control-allow-headers"] == "X-Oss-Test2")
            #expect(put.headers["access-control-expose-headers"] == "x-oss-1, x-oss-2")
            #expect(put.headers["access-control-max-age"] == "33")
            let get = try await ask("http://else", "HEAD", path: "/bkt/?acl")
            #expect(get.status == 200 && get.headers["access-control-allow-origin"] == "*")
            #expect(get.headers["access-control-allow-methods"] == "GET, HEAD")
            #expect(try await ask("http://else", "PUT").element("Code") == "AccessForbidden")
            #expect(try await ask("http://www.example.com", "PUT", "x-oss-a, y").element("Code") == "AccessForbidden")
            #expect(try await ask("http://www.example.com", "DELETE").status == 403)
            for (origin, method) in [("http://a", nil), (nil, "GET")] {
                #expect(try await ask(origin, method).status == 400)
            }
        }
    }

    @Test func answersToOtherOrigins() async throws {
        try await withEmulator { client async throws in
            func get(_ key: String, origin: String?) async throws -> Reply {
                try await client.send("GET", "/bkt/\(key)", headers: origin.map { ["Origin": $0] } ?? [:])
            }
            let rule = """
                <CORSRule><AllowedOrigin>http://a</AllowedOrigin><AllowedMethod>GET</AllowedMethod>
                <ExposeHeader>x-oss-1</ExposeHeader></CORSRule>
                """
            _ = try await client.configure("cors", "CORSConfiguration", rule)
            // A page must be able to read errors too.
            let allowed = try await get("none", origin: "http://a")
            #expect(allowed.status == 404 && allowed.headers["access-control-allow-origin"] == "http://a")
            #expect(allowed.headers["access-control-expose-headers"] == "x-oss-1" && allowed.headers["vary"] == nil)
            #expect(try await get("none", origin: "http://b").headers["access-control-allow-origin"] == nil)
            #expect(try await get("none", origin: nil).headers["access-control-allow-origin"] == nil)
            let varying = rule + "<ResponseVary>true</ResponseVary>"
            _ = try await client.configure("cors", "CORSConfiguration", varying)
            #expect(try await get("none", origin: nil).headers["vary"] == "Origin")
        }
    }

    @Test func indexAndErrorPages() async throws {
        try await withOpenBucket { client async throws in
            func get(_ path: String, isSigned: Bool = false) async throws -> Reply {
                try await client.send("GET", "/bkt/\(path)", isSigned: isSigned)
            }
            for key in ["index.html", "error.html", "sub/index.html"] {
                _ = try await client.send("PUT", "/bkt/\(key)", headers: ["Content-Type": "text/html"], text: key)
            }
            func configure(_ index: String) async throws {
                let reply = try await client.configure(
                    "website", "WebsiteConfiguration",
                    "<IndexDocument><Suffix>index.html</Suffix>\(index)</IndexDocument>"
                        + "<ErrorDocument><Key>error.html</Key></ErrorDocument>")
                #expect(reply.status == 200)
            }
            #expect(try await get("").text.contains("<ListBucketResult>"))
            try await configure("")
            #expect(try await get("").text == "index.html")
            #expect(try await client.send("HEAD", "/bkt/", isSigned: false).headers["content-length"] == "10")
            // Who signs lists.
            #expect(try await get("", isSigned: true).text.contains("<ListBucketResult>"))
            #expect(try await get("other/", isSigned: true).text == "index.html")
            #expect(try await get("sub/").text == "index.html")
            let missing = try await get("none")
            #expect(missing.status == 404 && missing.text == "error.html")
            #expect(try await get("none", isSigned: true).element("Code") == "NoSuchKey")

            try await configure("<SupportSubDir>true</SupportSubDir>")
            #expect(try await get("sub/").text == "sub/index.html")
            let moved = try await get("sub")
            #expect(moved.status == 302 && moved.headers["location"] == "/bkt/sub/")
            #expect(try await get("other/").text == "error.html")
            try await configure("<SupportSubDir>true</SupportSubDir><Type>2</Type>")
            #expect(try await get("sub").text == "sub/index.html")
            try await configure("<SupportSubDir>true</SupportSubDir><Type>1</Type>")
            #expect(try await get("sub").status == 404)
        }
    }

    @Test func routingRules() async throws {
        try await withOpenBucket { client async throws in
            _ = try await client.send("PUT", "/bkt/inner/a", text: "inner")
            let reply = try await client.configure(
                "website", "WebsiteConfiguration",
                """
                <RoutingRules>
                <RoutingRule><RuleNumber>3</RuleNumber><Condition><HttpErrorCodeReturnedEquals>404\
                </HttpErrorCodeReturnedEquals></Condition><Redirect><RedirectType>External</RedirectType>\
                <HostName>example.com</HostName><ReplaceKeyWith>p/${key}.s</ReplaceKeyWith>\
                <PassQueryString>true</PassQueryString></Redirect></RoutingRule>
                <RoutingRule><RuleNumber>1</RuleNumber><Condition><KeyPrefixEquals>old/</KeyPrefixEquals>\
                <IncludeHeader><Key>x-v</Key><StartsWith>1</StartsWith></IncludeHeader></Condition>\
                <Redirect><RedirectType>AliCDN</RedirectType><HostName>h</HostName><Protocol>https</Protocol>\
                <EnableReplacePrefix>true</EnableReplacePrefix><ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith>\
                <HttpRedirectCode>301</HttpRedirectCode></Redirect></RoutingRule>
                <RoutingRule><RuleNumber>2</RuleNumber><Condition><KeyPrefixEquals>i/</KeyPrefixEquals>\
                </Condition><Redirect><RedirectType>Internal</RedirectType>\
                <EnableReplacePrefix>true</EnableReplacePrefix><ReplaceKeyPrefixWith>inner/</ReplaceKeyPrefixWith>\
                </Redirect></RoutingRule>
                </RoutingRules>
                """)
            #expect(reply.status == 200)
            let missing = try await client.send("GET", "/bkt/none é", query: [("q", "1")])
            #expect(missing.status == 302)
            #expect(missing.headers["location"] == "http://example.com/p/none%20%C3%A9.s?q=1")
            let old = try await client.send("GET", "/bkt/old/k", headers: ["x-v": "12"])
            #expect(old.status == 301 && old.headers["location"] == "https://h/new/k")
            #expect(try await client.send("GET", "/bkt/old/k", headers: ["x-v": "2"]).status == 302)
            #expect(try await client.send("GET", "/bkt/i/a", isSigned: false).text == "inner")
        }
    }
}

import NIOHTTP1
import Testing

@testable import OSSEmulator

@Suite struct BucketPolicyTests {
    private func policy(_ text: String) throws -> BucketPolicy { try BucketPolicy(Array(text.utf8)) }

    private func statement(_ members: String) -> String { #"{"Version":"1","Statement":[{\#(members)}]}"# }

    private func access(
        _ account: String?, _ action: String, _ key: String? = nil, _ context: [String: String] = [:]
    ) -> BucketPolicy.Access {
        BucketPolicy.Access(
            identity: account.map { .account($0) } ?? .anonymous, action: action, bucket: "bkt",
            key: key.map { ObjectKey($0) }, owner: "1", region: "cn-hangzhou", context: context)
    }

    @Test(arguments: [
        "", "{", "[]", "null", #"{"Version":"1"}"#, #"{"Statement":[]}"#, #"{"Version":1,"Statement":[]}"#,
        #"{"Version":"2","Statement":[]}"#, #"{"Version":"1","Statement":{}}"#, #"{"Version":"1","Statement":[1]}"#,
        #"{"Version":"1","Statement":[],"More":1}"#, #"{"Version":"1","Statement":[],"Version":"1"}"#,
        #"{"Version":"1","Statement":[],}"#, #"{"Version":"1","Statement":[]} x"#,
        String(repeating: "[", count: 40) + String(repeating: "]", count: 40),
        #"{"Version":"1","Statement":[]}"# + String(repeating: " ", count: 16 << 10),
    ])
    func brokenDocuments(text: String) {
        #expect { try policy(text) } throws: { ($0 as? Fault)?.code == "InvalidPolicyDocument" }
    }

    @Test func brokenStatements() {
        let good = [
            "Effect": #""Allow""#, "Action": #"["oss:GetObject"]"#, "Resource": #"["acs:oss:*:*:bkt/*"]"#,
            "Principal": #"["2"]"#, "Condition": #"{"StringEquals":{"acs:UserAgent":["x"]}}"#,
        ]
        func text(_ name: String, _ value: String?) -> String {
            var members = good
            members[name] = value
            return statement(members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ","))
        }
        #expect(throws: Never.self) { try policy(text("Sid", "\"x\"")) }
        for name in ["Principal", "Condition"] { #expect(throws: Never.self) { try policy(text(name, nil)) } }
        for value in [#""*""#, "[]", #"["*"]"#, #"["2","3"]"#] {
            #expect(throws: Never.self) { try policy(text("Principal", value)) }
        }
        let broken: [(String, String?)] = [
            ("Effect", nil), ("Effect", #""allow""#), ("Effect", "1"), ("Action", nil), ("Action", "[]"),
            ("Action", "1"), ("Action", "[1]"),
            ("Action", #"["s3:GetObject"]"#), ("Resource", nil), ("Resource", "[]"), ("Resource", #"["bkt/*"]"#),
            ("Resource", #"["acs:oss:*:*"]"#), ("Resource", #"["acs:ecs:*:*:x"]"#), ("Resource", #"["acs:oss:*:*:"]"#),
            ("Principal", "1"),
            ("Principal", "{}"), ("NotAction", #"["oss:*"]"#), ("More", "1"), ("Condition", "1"),
            ("Condition", #"{"Like":{"a":"b"}}"#),
            ("Condition", #"{"StringEquals":1}"#), ("Condition", #"{"StringEquals":{"a":[]}}"#),
            ("Condition", #"{"StringEquals":{"a":null}}"#),
            ("Condition", #"{"IpAddress":{"acs:SourceIp":"300.1.1.1"}}"#),
            ("Condition", #"{"IpAddress":{"acs:SourceIp":"1.1.1.1/33"}}"#),
            ("Condition", #"{"Bool":{"acs:SecureTransport":"yes"}}"#),
            ("Condition", #"{"DateLessThan":{"acs:CurrentTime":"soon"}}"#),
            ("Condition", #"{"NumericEquals":{"oss:MaxKeys":"many"}}"#),
        ]
        for (name, value) in broken {
            #expect("\(name) \(value ?? "")") { try policy(text(name, value)) } throws: {
                ($0 as? Fault)?.code == "InvalidPolicyDocument"
            }
        }
    }

    @Test func whoIsMeant() throws {
        let rest = #""Action":"oss:GetObject","Resource":"acs:oss:*:*:bkt/*""#
        func decision(_ principal: String, _ account: String?, condition: String = "") throws -> BucketPolicy.Decision {
            try policy(statement(#""Effect":"Deny",\#(principal)\#(rest)\#(condition)"#)).decide(
                access(account, "GetObject", "k", ["acs:sourceip": "10.0.0.1"]))
        }
        for everybody in ["", #""Principal":[],"#, #""Principal":["*"],"#, #""Principal":"*","#] {
            #expect(try decision(everybody, nil) == .denied)
            #expect(try decision(everybody, "2") == .denied)
            // Everybody but the owner, unless under conditions.
            #expect(try decision(everybody, "1") == .open)
            let condition = #","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}"#
            #expect(try decision(everybody, "1", condition: condition) == .denied)
            #expect(try decision(everybody, nil, condition: condition) == .denied)
        }
        for named in [
            #""Principal":["3","2"],"#, #""Principal":["acs:ram::2:root"],"#, #""Principal":["arn:acs:ram::2:*"],"#,
        ] {
            #expect(try decision(named, "2") == .denied)
            for other in [nil, "1", "4", "22"] { #expect(try decision(named, other) == .open) }
        }
        #expect(try decision(#""Principal":["1"],"#, "1") == .denied)
        #expect(try decision(#""Principal":["acs:ram::2:user/bob"],"#, "2") == .open)
        #expect(try decision(#""NotPrincipal":["2"],"#, "2") == .open)
        #expect(try decision(#""NotPrincipal":["2"],"#, "3") == .denied)
    }

    @Test func whatIsMeant() throws {
        func isAllowed(_ action: String, _ resource: String, _ wanted: String, _ key: String?) throws -> Bool {
            try policy(statement(#""Effect":"Allow","Principal":["2"],"Action":\#(action),"Resource":\#(resource)"#))
                .decide(access("2", wanted, key)) == .allowed
        }
        let object = #""acs:oss:*:*:bkt/*""#
        for action in [
            #""oss:GetObject""#, #""oss:*""#, #""*""#, #""oss:Get*""#, #"["oss:PutObject","oss:GetObject"]"#,
            #""oss:?etObject""#,
        ] {
            #expect(try isAllowed(action, object, "GetObject", "a/b"))
        }
        for action in [#""oss:GetObjectAcl""#, #""oss:Put*""#, #""oss:Get""#] {
            #expect(try !isAllowed(action, object, "GetObject", "k"))
        }
        for resource in [
            #""acs:oss:*:*:bkt/dir/*""#, #""acs:oss:cn-hangzhou:1:bkt/dir/*""#, #""acs:oss:oss-cn-hangzhou:*:*/*""#,
            #""*""#, #""acs:oss:*:*:bkt*""#,
            #""acs:oss::1:bkt/dir/é:?""#, #"["acs:oss:*:*:other","acs:oss:*:*:*"]"#,
        ] {
            #expect(try isAllowed(#""oss:*""#, resource, "GetObject", "dir/é:k"), "\(resource)")
        }
        for resource in [
            #""acs:oss:*:*:bkt""#, #""acs:oss:*:*:bkt/di""#, #""acs:oss:cn-beijing:*:bkt/*""#, #""acs:oss:*:2:bkt/*""#,
            #""acs:oss:*:*:bkt/DIR/*""#,
            #""acs:oss:*:*:other/*""#,
        ] {
            #expect(try !isAllowed(#""oss:*""#, resource, "GetObject", "dir/é:k"), "\(resource)")
        }
        #expect(try isAllowed(#""oss:*""#, #""acs:oss:*:*:bkt""#, "ListObjects", nil))
        #expect(try !isAllowed(#""oss:*""#, object, "ListObjects", nil))
        let notAction = statement(#""Effect":"Deny","NotAction":"oss:Get*","NotResource":"acs:oss:*:*:bkt/free/*""#)
        #expect(try policy(notAction).decide(access("2", "PutObject", "k")) == .denied)
        #expect(try policy(notAction).decide(access("2", "GetObject", "k")) == .open)
        #expect(try policy(notAction).decide(access("2", "PutObject", "free/k")) == .open)
    }

    @Test(arguments: [
        (#"{"StringEquals":{"acs:UserAgent":["a","curl"]}}"#, true),
        (#"{"StringEquals":{"ACS:useragent":"Curl"}}"#, false),
        (#"{"StringNotEquals":{"acs:UserAgent":["a","b"]}}"#, true),
        (#"{"StringNotEquals":{"acs:UserAgent":["a","curl"]}}"#, false),
        (#"{"StringEqualsIgnoreCase":{"acs:UserAgent":"CURL"}}"#, true),
        (#"{"StringNotEqualsIgnoreCase":{"acs:UserAgent":"CURL"}}"#, false),
        (#"{"StringLike":{"acs:UserAgent":"c*l"}}"#, true), (#"{"StringLike":{"acs:UserAgent":["c?l","x*"]}}"#, false),
        (#"{"StringNotLike":{"acs:UserAgent":"c*"}}"#, false), (#"{"StringNotLike":{"acs:UserAgent":"x*"}}"#, true),
        (#"{"IpAddress":{"acs:SourceIp":"10.1.2.3"}}"#, true),
        (#"{"IpAddress":{"acs:SourceIp":["10.1.0.0/16","1.1.1.1"]}}"#, true),
        (#"{"IpAddress":{"acs:SourceIp":"10.1.2.0/31"}}"#, false),
        (#"{"IpAddress":{"acs:SourceIp":"::ffff:10.1.2.3"}}"#, true),
        (#"{"IpAddress":{"acs:SourceIp":"::/0"}}"#, false), (#"{"IpAddress":{"acs:SourceIp":"0.0.0.0/0"}}"#, true),
        (#"{"NotIpAddress":{"acs:SourceIp":"10.1.2.3"}}"#, false),
        (#"{"NotIpAddress":{"acs:SourceIp":"10.1.2.4"}}"#, true),
        (#"{"Bool":{"acs:SecureTransport":"false"}}"#, true), (#"{"Bool":{"acs:SecureTransport":[true]}}"#, false),
        (#"{"DateLessThan":{"acs:CurrentTime":"2023-12-16T16:20:58Z"}}"#, true),
        (#"{"DateLessThan":{"acs:CurrentTime":"2023-12-16T16:20:57.000Z"}}"#, false),
        (#"{"DateLessThanEquals":{"acs:CurrentTime":"2023-12-16T16:20:57Z"}}"#, true),
        (#"{"DateGreaterThan":{"acs:CurrentTime":"2023-12-16T16:20:57Z"}}"#, false),
        (#"{"DateGreaterThanEquals":{"acs:CurrentTime":"2023-12-16T16:20:57Z"}}"#, true),
        (#"{"DateEquals":{"acs:CurrentTime":"2023-12-16T16:20:57Z"}}"#, true),
        (#"{"DateNotEquals":{"acs:CurrentTime":"2023-12-16T16:20:57Z"}}"#, false),
        (#"{"NumericLessThan":{"oss:MaxKeys":11}}"#, true), (#"{"NumericLessThanEquals":{"oss:MaxKeys":"9"}}"#, false),
        (#"{"NumericGreaterThan":{"oss:MaxKeys":9}}"#, true),
        (#"{"NumericGreaterThanEquals":{"oss:MaxKeys":11}}"#, false),
        (#"{"NumericEquals":{"oss:MaxKeys":10}}"#, true), (#"{"NumericNotEquals":{"oss:MaxKeys":10}}"#, false),
        // What isn't known: only the contrary can be true.
        (#"{"StringEquals":{"acs:SourceVpc":"vpc-1"}}"#, false),
        (#"{"StringNotEquals":{"acs:SourceVpc":"vpc-1"}}"#, true),
        (#"{"StringLike":{"acs:SourceVpc":"*"}}"#, false), (#"{"IpAddress":{"acs:Unknown":"0.0.0.0/0"}}"#, false),
        // All operators, and all keys, must hold.
        (#"{"StringLike":{"acs:UserAgent":"c*","oss:Prefix":"a/*"},"Bool":{"acs:SecureTransport":false}}"#, true),
        (#"{"StringLike":{"acs:UserAgent":"c*","oss:Prefix":"b/*"}}"#, false),
        (#"{"StringLike":{"acs:UserAgent":"c*"},"Bool":{"acs:SecureTransport":true}}"#, false),
        (#"{"StringEquals":{"oss:ExistingObjectTag/Team":"a"}}"#, true),
        (#"{"StringEquals":{"oss:ExistingObjectTag/team":"a"}}"#, false),
        (#"{}"#, true),
    ])
    func conditions(condition: String, isMet: Bool) throws {
        let context = [
            "acs:useragent": "curl", "acs:sourceip": "10.1.2.3", "acs:securetransport": "false",
            "acs:currenttime": "2023-12-16T16:20:57.000Z",
            "oss:maxkeys": "10", "oss:prefix": "a/b", "oss:existingobjecttag/Team": "a",
        ]
        let policy = try policy(
            statement(#""Effect":"Allow","Principal":["2"],"Action":"oss:*","Resource":"*","Condition":\#(condition)"#))
        #expect((policy.decide(access("2", "ListObjects", nil, context)) == .allowed) == isMet)
    }

    @Test func aDenyWins() throws {
        let both =
            #"{"Version":"1","Statement":[{"Effect":"Allow","Principal":["2"],"Action":"oss:*","Resource":"*"},"#
            + #"{"Effect":"Deny","Principal":["2"],"Action":"oss:Put*","Resource":"*"},"#
            + #"{"Effect":"Allow","Principal":["2"],"Action":"oss:PutObject","Resource":"*"}]}"#
        #expect(try policy(both).decide(access("2", "GetObject", "k")) == .allowed)
        #expect(try policy(both).decide(access("2", "PutObject", "k")) == .denied)
        #expect(try policy(both).decide(access("3", "PutObject", "k")) == .open)
    }

    @Test(arguments: [
        (#""Effect":"Allow""#, true), (#""Effect":"Allow","Principal":["*"]"#, true),
        (#""Effect":"Allow","Principal":["2","*"]"#, true),
        (#""Effect":"Allow","Principal":["2"]"#, false), (#""Effect":"Deny","Principal":["*"]"#, false),
        (#""Effect":"Allow","NotPrincipal":["2"]"#, true),
        (#""Effect":"Allow","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}"#, false),
        (#""Effect":"Allow","Condition":{"IpAddress":{"acs:SourceIp":["10.0.0.0/8","0.0.0.0/0"]}}"#, true),
        (#""Effect":"Allow","Condition":{"NotIpAddress":{"acs:SourceIp":"10.0.0.0/8"}}"#, true),
        (#""Effect":"Allow","Condition":{"StringEquals":{"acs:SourceVpc":"vpc-1"}}"#, false),
        (#""Effect":"Allow","Condition":{"StringLike":{"acs:SourceVpc":"vpc-*"}}"#, true),
        (#""Effect":"Allow","Condition":{"StringEquals":{"acs:AccessId":"a"}}"#, false),
        (#""Effect":"Allow","Condition":{"StringEquals":{"acs:UserAgent":"a"}}"#, true),
    ])
    func whatIsPublic(members: String, isPublic: Bool) throws {
        #expect(
            try policy(statement(members + #","Action":"oss:GetObject","Resource":"acs:oss:*:*:bkt/*""#)).isPublic
                == isPublic)
    }

    @Test func wildcards() {
        for (pattern, text, matches) in [
            ("", "", true), ("*", "", true), ("*", "abc", true), ("a*c", "abbc", true), ("a*c", "abb", false),
            ("*a*b*", "xaybz", true), ("?", "é", true),
            ("?", "", false), ("??", "é", false), ("a?c", "aéc", true), ("**a", "ba", true), ("a", "ab", false),
            ("*.*.c", "a.b.c", true), ("*ab", "aab", true),
        ] {
            #expect(Wildcard.matches(pattern, text) == matches, "\(pattern) \(text)")
        }
        // No pattern takes long.
        #expect(!Wildcard.matches(String(repeating: "a*", count: 200) + "b", String(repeating: "a", count: 2000)))
    }
}

/// Through HTTP: who may do what.
@Suite struct AccessTests {
    private static let other = EmulatorCredential(accessKeyID: "other", accessKeySecret: "o", accountID: "2")

    /// Runs a test with a bucket `bkt` of the client's, and a client of another account.
    private func withTwo(
        blocks: Bool = false, _ body: (_ owner: TestClient, _ other: TestClient) async throws -> Void
    ) async throws {
        try await withEmulator {
            $0.credentials.append(Self.other)
            $0.blocksPublicAccess = blocks
        } _: { owner async throws in
            var other = owner
            (other.accessKeyID, other.accessKeySecret) = ("other", "o")
            _ = try await owner.send("PUT", "/bkt/k", text: "x")
            try await body(owner, other)
        }
    }

    private func code(_ reply: Reply) -> String {
        "\(reply.status) \(reply.element("Code") ?? "")".split(separator: " ").joined(separator: " ")
    }

    private func put(_ policy: String, _ client: TestClient) async throws -> String {
        code(
            try await client.send(
                "PUT", "/bkt/", query: [("policy", "")], text: #"{"Version":"1","Statement":[\#(policy)]}"#))
    }

    private func allow(
        _ actions: String, _ resource: String = "bkt/*", principal: String = "2", more: String = "",
        effect: String = "Allow"
    ) -> String {
        #"{"Effect":"\#(effect)","Principal":["\#(principal)"],"Action":["\#(actions.split(separator: " ").joined(separator: "\",\""))"],"Resource":["acs:oss:*:*:\#(resource)"]\#(more)}"#
    }

    @Test func anAllowOpens() async throws {
        try await withTwo { owner, other async throws in
            #expect(try await other.send("GET", "/bkt/k").status == 403)
            #expect(try await put(allow("oss:GetObject oss:PutObject", "bkt/*"), owner) == "200")
            #expect(try await other.send("GET", "/bkt/k").text == "x")
            #expect(try await other.send("HEAD", "/bkt/k").status == 200)
            #expect(try await other.send("PUT", "/bkt/new", text: "y").status == 200)
            #expect(code(try await other.send("DELETE", "/bkt/k")) == "403 AccessDenied")
            #expect(code(try await other.send("GET", "/bkt/")) == "403 AccessDenied")
            #expect(code(try await other.send("GET", "/bkt/", query: [("policy", "")])) == "403 AccessDenied")
            #expect(code(try await owner.send("GET", "/bkt/k", isSigned: false)) == "403 AccessDenied")
            // What a put does besides is asked for too.
            for header in ["x-oss-tagging": "a=b", "x-oss-object-acl": "private"] {
                #expect(
                    code(try await other.send("PUT", "/bkt/new", headers: [header.key: header.value], text: "y"))
                        == "403 AccessDenied")
            }
            #expect(try await put(allow("oss:PutObject oss:PutObjectTagging oss:PutObjectAcl"), owner) == "200")
            #expect(
                try await other.send(
                    "PUT", "/bkt/new", headers: ["x-oss-tagging": "a=b", "x-oss-object-acl": "private"], text: "y"
                ).status == 200)
            #expect(try await put(allow("oss:*", "bkt"), owner) == "200")
            #expect(try await other.send("GET", "/bkt/").status == 200)
            #expect(try await other.send("GET", "/bkt/", query: [("policy", "")]).status == 200)
            #expect(try await other.send("GET", "/bkt/k").status == 403)
        }
    }

    @Test func aDenyRefuses() async throws {
        try await withTwo { owner, other async throws in
            _ = try await owner.send("PUT", "/bkt/", query: [("acl", "")], headers: ["x-oss-acl": "public-read-write"])
            #expect(try await other.send("PUT", "/bkt/k2", text: "x").status == 200)
            #expect(try await put(allow("oss:PutObject", effect: "Deny"), owner) == "200")
            let refused = try await other.send("PUT", "/bkt/k2", text: "x")
            #expect(
                refused.element("Message") == "Access denied by bucket policy."
                    && refused.element("EC") == "0003-00000101")
            #expect(try await other.send("GET", "/bkt/k").status == 200)
            // Somebody else, and the owner, are not meant.
            #expect(try await owner.send("PUT", "/bkt/k2", body: [1], isSigned: false).status == 200)
            #expect(try await owner.send("PUT", "/bkt/k2", text: "x").status == 200)
            // The owner can refuse himself anything but the way back.
            let all = allow(
                "oss:*", "*", principal: "*", more: #","Condition":{"Bool":{"acs:SecureTransport":"false"}}"#,
                effect: "Deny")
            #expect(try await put(all, owner) == "200")
            for client in [owner, other] {
                #expect(code(try await client.send("GET", "/bkt/k")) == "403 AccessDenied")
                #expect(code(try await client.send("GET", "/bkt/")) == "403 AccessDenied")
                #expect(code(try await client.send("DELETE", "/bkt/")) == "403 AccessDenied")
            }
            #expect(try await owner.send("GET", "/bkt/", query: [("policy", "")]).status == 200)
            #expect(try await other.send("GET", "/bkt/", query: [("policy", "")]).status == 403)
            #expect(try await put(all, owner) == "200")
            #expect(try await owner.send("DELETE", "/bkt/", query: [("policy", "")]).status == 204)
            #expect(try await owner.send("GET", "/bkt/k").status == 200)
        }
    }

    @Test func conditionsOfARequest() async throws {
        try await withTwo { owner, other async throws in
            func allows(_ condition: String, _ ask: () async throws -> Reply) async throws -> Bool {
                #expect(try await put(allow("oss:*", "*", more: #","Condition":{\#(condition)}"#), owner) == "200")
                return try await ask().status == 200
            }
            let get = { try await other.send("GET", "/bkt/k", headers: ["User-Agent": "tool/1"]) }
            #expect(try await allows(#""IpAddress":{"acs:SourceIp":"127.0.0.0/8"}"#, get))
            #expect(try await !allows(#""IpAddress":{"acs:SourceIp":"10.0.0.0/8"}"#, get))
            #expect(try await allows(#""Bool":{"acs:SecureTransport":"false"}"#, get))
            #expect(try await allows(#""StringLike":{"acs:UserAgent":"tool/*"}"#, get))
            #expect(try await !allows(#""StringLike":{"acs:UserAgent":"other/*"}"#, get))
            #expect(try await allows(#""StringEquals":{"acs:AccessId":"other"}"#, get))
            #expect(try await allows(#""DateGreaterThan":{"acs:CurrentTime":"2020-01-01T00:00:00Z"}"#, get))
            #expect(try await !allows(#""DateLessThan":{"acs:CurrentTime":"2020-01-01T00:00:00Z"}"#, get))
            func list(_ prefix: String?) -> () async throws -> Reply {
                {
                    try await other.send(
                        "GET", "/bkt/", query: (prefix.map { [("prefix", $0)] } ?? []) + [("delimiter", "/")])
                }
            }
            #expect(
                try await allows(
                    #""StringLike":{"oss:Prefix":["","a/*"]},"StringEquals":{"oss:Delimiter":"/"}"#, list("a/b")))
            #expect(try await allows(#""StringLike":{"oss:Prefix":["","a/*"]}"#, list(nil)))
            #expect(try await !allows(#""StringLike":{"oss:Prefix":["","a/*"]}"#, list("b/")))
            _ = try await owner.send("PUT", "/bkt/k", headers: ["x-oss-tagging": "Team=red"], text: "x")
            #expect(try await allows(#""StringEquals":{"oss:ExistingObjectTag/Team":"red"}"#, get))
            #expect(try await !allows(#""StringEquals":{"oss:ExistingObjectTag/Team":"blue"}"#, get))
            let putTagged = { try await other.send("PUT", "/bkt/t", headers: ["x-oss-tagging": "Team=red"], text: "x") }
            #expect(try await allows(#""StringEquals":{"oss:RequestObjectTag/Team":"red"}"#, putTagged))
            #expect(try await !allows(#""StringEquals":{"oss:RequestObjectTag/Team":"blue"}"#, putTagged))
        }
    }

    @Test func copiesAndManyDeletions() async throws {
        try await withTwo { owner, other async throws in
            _ = try await other.send("PUT", "/others/")
            func copy() async throws -> Reply {
                try await other.send("PUT", "/others/c", headers: ["x-oss-copy-source": "/bkt/k"])
            }
            #expect(code(try await copy()) == "403 AccessDenied")
            #expect(try await put(allow("oss:GetObject"), owner) == "200")
            #expect(try await copy().status == 200)
            #expect(try await put(allow("oss:GetObject", effect: "Deny"), owner) == "200")
            #expect(code(try await copy()) == "403 AccessDenied")

            func delete(_ client: TestClient, _ keys: String...) async throws -> Reply {
                let body = Array("<Delete>\(keys.map { "<Object><Key>\($0)</Key></Object>" }.joined())</Delete>".utf8)
                return try await client.send(
                    "POST", "/bkt/", query: [("delete", "")], headers: ["Content-MD5": md5Header(body)], body: body)
            }
            #expect(code(try await delete(other, "a/1")) == "403 AccessDenied")
            #expect(try await put(allow("oss:DeleteObject", "bkt/a/*"), owner) == "200")
            for key in ["a/1", "a/2", "b/1"] { _ = try await owner.send("PUT", "/bkt/\(key)", text: "x") }
            #expect(try await delete(other, "a/1").status == 200)
            // All or nothing.
            #expect(code(try await delete(other, "a/2", "b/1")) == "403 AccessDenied")
            for key in ["a/2", "b/1"] { #expect(try await owner.send("HEAD", "/bkt/\(key)").status == 200) }
            #expect(try await owner.send("HEAD", "/bkt/a/1").status == 404)
            #expect(try await delete(owner, "b/1").status == 200)
        }
    }

    @Test func versionsAreThingsOfTheirOwn() async throws {
        try await withTwo { owner, other async throws in
            _ = try await owner.send(
                "PUT", "/bkt/", query: [("versioning", "")],
                text: "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
            let id = try await owner.send("PUT", "/bkt/k", text: "y").headers["x-oss-version-id"] ?? ""
            #expect(try await put(allow("oss:GetObject"), owner) == "200")
            #expect(try await other.send("GET", "/bkt/k").status == 200)
            #expect(code(try await other.send("GET", "/bkt/k", query: [("versionId", id)])) == "403 AccessDenied")
            #expect(try await put(allow("oss:GetObjectVersion"), owner) == "200")
            #expect(code(try await other.send("GET", "/bkt/k")) == "403 AccessDenied")
            #expect(try await other.send("GET", "/bkt/k", query: [("versionId", id)]).text == "y")
        }
    }

    @Test func formsAreAskedToo() async throws {
        try await withTwo { owner, _ async throws in
            func post() async throws -> Int {
                let body =
                    "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nup/f\r\n"
                    + "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n"
                return try await owner.send(
                    "POST", "/bkt/", headers: ["Content-Type": "multipart/form-data; boundary=b"],
                    body: Array(body.utf8), isSigned: false
                ).status
            }
            #expect(try await post() == 403)
            #expect(try await put(allow("oss:PutObject", "bkt/up/*", principal: "*"), owner) == "200")
            #expect(try await post() == 204)
            #expect(try await put(allow("oss:PutObject", "bkt/other/*", principal: "*"), owner) == "200")
            #expect(try await post() == 403)
        }
    }

    // MARK: ACLs

    @Test func anObjectsACLStandsAboveTheBuckets() async throws {
        try await withTwo { owner, other async throws in
            func acl(_ bucket: String, _ object: String) async throws {
                _ = try await owner.send("PUT", "/bkt/", query: [("acl", "")], headers: ["x-oss-acl": bucket])
                _ = try await owner.send("PUT", "/bkt/k", query: [("acl", "")], headers: ["x-oss-object-acl": object])
            }
            let cases = [
                ("private", "default", 403, 403), ("private", "public-read", 200, 403),
                ("private", "public-read-write", 200, 200),
                ("public-read", "default", 200, 403), ("public-read", "private", 403, 403),
                ("public-read-write", "default", 200, 200),
                ("public-read-write", "public-read", 200, 403), ("public-read-write", "private", 403, 403),
            ]
            for (bucket, object, read, write) in cases {
                try await acl(bucket, object)
                for isSigned in [true, false] {
                    #expect(
                        try await other.send("GET", "/bkt/k", isSigned: isSigned).status == read, "\(bucket) \(object)")
                }
                let put = try await other.send("PUT", "/bkt/k", text: "x")
                #expect(put.status == write, "\(bucket) \(object)")
                for query in ["acl", "tagging"] {
                    #expect(
                        try await other.send(
                            "PUT", "/bkt/k", query: [(query, "")], headers: ["x-oss-object-acl": "private"]
                        ).status == 403)
                }
            }
        }
    }

    // MARK: Blocked public access

    @Test func blockedPublicAccess() async throws {
        func block(_ client: TestClient, _ path: String, _ isBlocked: Bool) async throws {
            let body =
                "<PublicAccessBlockConfiguration><BlockPublicAccess>\(isBlocked)</BlockPublicAccess></PublicAccessBlockConfiguration>"
            #expect(try await client.send("PUT", path, query: [("publicAccessBlock", "")], text: body).status == 200)
        }
        for path in ["/bkt/", "/"] {
            try await withTwo { owner, other async throws in
                let open = allow("oss:GetObject", principal: "*")
                func setACL(_ acl: String) async throws -> Reply {
                    try await owner.send("PUT", "/bkt/", query: [("acl", "")], headers: ["x-oss-acl": acl])
                }
                #expect(try await setACL("public-read-write").status == 200)
                #expect(try await put(open, owner) == "200")
                _ = try await owner.send("PUT", "/bkt/p", headers: ["x-oss-object-acl": "public-read"], text: "x")
                try await block(owner, path, true)
                for isSigned in [true, false] {
                    for key in ["k", "p"] {
                        #expect(
                            code(try await other.send("GET", "/bkt/\(key)", isSigned: isSigned)) == "403 AccessDenied")
                    }
                    #expect(code(try await other.send("PUT", "/bkt/n", text: "x")) == "403 AccessDenied")
                }
                #expect(try await owner.send("GET", "/bkt/k").status == 200)
                let refused = try await setACL("public-read")
                #expect(
                    code(refused) == "403 AccessDenied"
                        && refused.element("Message") == "Put public bucket acl is not allowed")
                #expect(try await setACL("private").status == 200)
                for query in [[("acl", "")], []] {
                    let reply = try await owner.send(
                        "PUT", "/bkt/k", query: query, headers: ["x-oss-object-acl": "public-read"])
                    #expect(
                        code(reply) == "403 AccessDenied"
                            && reply.element("Message") == "Put public object acl is not allowed")
                }
                #expect(try await put(open, owner) == "403 AccessDenied")
                // Who is named is not the public.
                #expect(try await put(allow("oss:GetObject"), owner) == "200")
                #expect(try await other.send("GET", "/bkt/k").status == 200)
                try await block(owner, path, false)
                #expect(try await put(open, owner) == "200")
                #expect(try await other.send("GET", "/bkt/k", isSigned: false).status == 200)
            }
        }
    }

    /// As an account in the service has it: new buckets are blocked.
    @Test func newBucketsAreBlockedUnlessToldOtherwise() async throws {
        try await withTwo(blocks: true) { owner, _ async throws in
            let refused = try await owner.send("PUT", "/fresh/", headers: ["x-oss-acl": "public-read"])
            #expect(code(refused) == "403 AccessDenied")
            #expect(try await owner.send("PUT", "/fresh/", headers: ["x-oss-acl": "private"]).status == 200)
            #expect(
                code(
                    try await owner.send("PUT", "/fresh/", query: [("acl", "")], headers: ["x-oss-acl": "public-read"]))
                    == "403 AccessDenied")
        }
    }

    // MARK: Who pays, and who refers

    @Test func requesterPays() async throws {
        try await withTwo { owner, other async throws in
            func payer(_ payer: String) async throws {
                let body = "<RequestPaymentConfiguration><Payer>\(payer)</Payer></RequestPaymentConfiguration>"
                #expect(try await owner.send("PUT", "/bkt/", query: [("requestPayment", "")], text: body).status == 200)
            }
            #expect(try await put(allow("oss:*", "bkt*"), owner) == "200")
            try await payer("Requester")
            for (method, path, header, status) in [
                ("GET", "/bkt/k", nil, 403), ("GET", "/bkt/k", "bucketOwner", 403), ("GET", "/bkt/k", "requester", 200),
                ("GET", "/bkt/", nil, 403),
                ("GET", "/bkt/", "requester", 200), ("PUT", "/bkt/n", nil, 403), ("PUT", "/bkt/n", "Requester", 200),
                ("DELETE", "/bkt/n", nil, 403),
            ] {
                let reply = try await other.send(
                    method, path, headers: header.map { ["x-oss-request-payer": $0] } ?? [:])
                #expect(reply.status == status, "\(method) \(path) \(header ?? "")")
                if status == 403 { #expect(reply.element("Message") == "Access denied for requester pay bucket") }
            }
            #expect(try await owner.send("GET", "/bkt/k").status == 200)
            // Who may not at all isn't asked for money, and nobody anonymous pays.
            _ = try await owner.send("PUT", "/bkt/", query: [("acl", "")], headers: ["x-oss-acl": "public-read"])
            #expect(
                try await owner.send("GET", "/bkt/k", headers: ["x-oss-request-payer": "requester"], isSigned: false)
                    .status == 403)
            #expect(try await owner.send("DELETE", "/bkt/", query: [("policy", "")]).status == 204)
            #expect(
                try await other.send("PUT", "/bkt/n", text: "").element("Message")
                    != "Access denied for requester pay bucket")
            // Copies pay for their source.
            _ = try await other.send("PUT", "/others/")
            let source = ["x-oss-copy-source": "/bkt/k"]
            #expect(try await other.send("PUT", "/others/c", headers: source).status == 403)
            #expect(
                try await other.send(
                    "PUT", "/others/c", headers: source.merging(["x-oss-request-payer": "requester"]) { $1 }
                ).status == 200)
            try await payer("BucketOwner")
            #expect(try await other.send("GET", "/bkt/k").status == 200)
        }
    }

    @Test func referers() async throws {
        try await withTwo { owner, other async throws in
            _ = try await owner.send("PUT", "/bkt/", query: [("acl", "")], headers: ["x-oss-acl": "public-read"])
            func configure(_ empty: Bool, _ allowed: [String], _ refused: [String] = [], more: String = "") async throws
            {
                func list(_ name: String, _ items: [String]) -> String {
                    "<\(name)>\(items.map { "<Referer>\($0)</Referer>" }.joined())</\(name)>"
                }
                let body =
                    "<RefererConfiguration><AllowEmptyReferer>\(empty)</AllowEmptyReferer>\(more)\(list("RefererList", allowed))"
                    + "\(refused.isEmpty ? "" : list("RefererBlacklist", refused))</RefererConfiguration>"
                #expect(try await owner.send("PUT", "/bkt/", query: [("referer", "")], text: body).status == 200)
            }
            /// The last three digits of the error's number, or 0.
            func get(_ referer: String?, isLink: Bool = false) async throws -> Int {
                let header = referer.map { "Referer: \($0)\r\n" } ?? ""
                let link = isLink ? "?" + owner.signer.presign(method: "GET", resource: "/bkt/k", expires: 60) : ""
                let reply = try await owner.raw("GET /bkt/k\(link) HTTP/1.1\r\nHost: h\r\n\(header)\r\n")
                guard reply.status != 200 else { return 0 }
                #expect(reply.status == 403 && reply.element("Message") == "You are denied by bucket referer policy.")
                return Int(reply.element("EC")?.suffix(3) ?? "") ?? -1
            }
            try await configure(false, ["http://www.a.com", "https://*.b.com/x?"], ["http://www.a.com/bad"])
            for isLink in [false, true] {
                #expect(try await get(nil, isLink: isLink) == 501)
                #expect(try await get("", isLink: isLink) == 501)
                #expect(try await get("http://www.a.com", isLink: isLink) == 0)
                #expect(try await get("http://www.a.com/page?q=1", isLink: isLink) == 0)
                #expect(try await get("http://www.a.com/bad/page", isLink: isLink) == 502)
                #expect(try await get("https://c.b.com/xy", isLink: isLink) == 0)
                #expect(try await get("https://c.b.com/y", isLink: isLink) == 503)
                #expect(try await get("https://www.a.com", isLink: isLink) == 503)
            }
            // Who signs the header is a program.
            #expect(try await owner.send("GET", "/bkt/k", headers: ["Referer": "http://x"]).status == 200)
            #expect(try await other.send("GET", "/bkt/k").status == 200)
            try await configure(true, ["http://www.a.com"])
            #expect(try await get(nil) == 0)
            #expect(try await get("http://x") == 503)
            try await configure(false, [])
            #expect(try await get(nil) == 0)
            #expect(try await get("http://x") == 0)
        }
    }
}

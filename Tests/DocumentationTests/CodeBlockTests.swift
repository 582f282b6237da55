import Foundation
import Testing

/// Every Swift block of the documentation stands, line for line, in a test of this target: so it compiles, and it runs
/// against the local server.
@Suite("Code blocks of the documentation")
struct CodeBlockTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func documents() throws -> [URL] {
        let articles = root.appending(path: "Sources/OSS/OSS.docc")
        let names = try FileManager.default.contentsOfDirectory(atPath: articles.path).filter { $0.hasSuffix(".md") }
        return ["README.md", "README.zh-CN.md"].map { root.appending(path: $0) }
            + names.sorted().map { articles.appending(path: $0) }
    }

    static func text(_ url: URL) throws -> String { try String(contentsOf: url, encoding: .utf8) }

    /// The lines that matter, without indentation.
    private static func lines(_ text: some StringProtocol) -> [String] {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty && !$0.hasPrefix("import ") }
    }

    /// The Swift blocks in a text.
    static func blocks(_ text: String) -> [String] {
        text.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "\n```")[0] }
            // A piece of a manifest is no program.
            .filter { !$0.hasPrefix("// Package.swift") }
    }

    /// The lines of one test.
    struct Example {
        /// From the attribute on.
        var lines: [String]
        var name: String { lines[0] }

        func has(_ block: String) -> Bool {
            let wanted = CodeBlockTests.lines(block)
            return lines.indices.contains { lines[$0...].starts(with: wanted) }
        }
    }

    /// The tests of this target that hold examples, each up to the next one. What is outside of tests is in none.
    static func examples() throws -> [Example] {
        let folder = root.appending(path: "Tests/DocumentationTests")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix("Examples.swift") }
        return try files.flatMap { file in
            try text(folder.appending(path: file)).split(separator: "\n").reduce(into: [String]()) { members, line in
                // What is indented deeper belongs to the member before.
                if line.prefix(5).allSatisfy({ $0 == " " }) || line == "    }", !members.isEmpty {
                    members[members.count - 1] += "\n" + line
                } else {
                    members.append(String(line))
                }
            }
        }.map { Example(lines: lines($0)) }.filter { $0.lines.first?.hasPrefix("@Test") == true }
    }

    @Test func everyBlockIsRun() throws {
        let examples = try Self.examples()
        var count = 0
        for document in try Self.documents() {
            for block in Self.blocks(try Self.text(document)) {
                count += 1
                #expect(
                    examples.contains { $0.has(block) },
                    "\(document.lastPathComponent): no test of this target has\n\(block)")
            }
        }
        #expect(count > 90)
    }

    @Test func everyLinkOfAnArticleLeadsSomewhere() throws {
        let documents = try Self.documents()
        for document in documents {
            let text = try Self.text(document)
            for part in text.components(separatedBy: "<doc:").dropFirst() {
                let name = part.prefix { $0 != ">" }
                #expect(
                    documents.contains { $0.lastPathComponent == "\(name).md" },
                    "\(document.lastPathComponent) links to \(name)")
            }
        }
    }

    @Test func everyFileThatAReadmeLinksToIsThere() throws {
        for name in ["README.md", "README.zh-CN.md"] {
            let text = try Self.text(Self.root.appending(path: name))
            for part in text.components(separatedBy: "](").dropFirst() {
                let target = String(part.prefix { $0 != ")" })
                if target.contains("://") { continue }
                #expect(
                    FileManager.default.fileExists(atPath: Self.root.appending(path: target).path),
                    "\(name) links to \(target)")
            }
        }
    }
}

/// The article for those who come from the Python SDK is complete and true.
@Suite("Coming from the Python SDK")
struct PythonGuideTests {
    /// What the guides of the Python SDK show, under titles of our own, in their order.
    static let examples = [
        "A first request", "The asynchronous client", "Region and endpoint",
        // The developer guide: the client's configuration
        "Custom domain name", "Timeouts", "More attempts", "Longer delays", "A fixed delay", "No retries",
        "The pool of connections", "HTTP instead of HTTPS", "A proxy", "The internal endpoint",
        "The internal endpoint by its name", "Transfer acceleration", "Transfer acceleration by its endpoint",
        "A dedicated domain", "An HTTP client of your own",
        // The developer guide: credentials, errors
        "An access key from the environment", "An access key in the program",
        "Temporary credentials from the environment", "Temporary credentials in the program", "A RAM role",
        "The role of an ECS instance", "An OIDC role", "A function that gives credentials", "A provider of your own",
        "Anonymous access", "What an error says",
        // The page about the client's configuration
        "The default endpoint, without TLS", "Finance Cloud", "Government Cloud", "Parameters: the address",
        "Parameters: the network", "Parameters: signature and checks", "Parameters: signature version 1",
        // The page about credentials
        "In Function Compute", "A credentials URI", "Keys that rotate",
        // The API document of oss2
        "A bucket and its first object", "All buckets", "What can be uploaded", "A configuration as a document",
        "What a result has", "Who failed", "A range of bytes", "Page by page", "Progress", "Times",
        // Interfaces of the SDK that the guides name
        "Paginators", "Files", "Whether something exists", "Presigned URLs", "A form upload", "A cloud box",
        "An operation without a method", "Image processing", "A multipart upload", "Appending", "Checksums",
        "One call only",
    ]

    private static func article() throws -> String {
        try CodeBlockTests.text(
            CodeBlockTests.root.appending(path: "Sources/OSS/OSS.docc/ComingFromThePythonSDK.md"))
    }

    @Test("Each of the guides' examples is there, in order, and run by the test of its name") func examples() throws {
        let sections = try Self.article().components(separatedBy: "\n### ").dropFirst()
        #expect(sections.map { $0.prefix { $0 != "\n" } } == Self.examples.map { $0[...] })
        let tests = try CodeBlockTests.examples()
        for section in sections {
            let title = section.prefix { $0 != "\n" }
            let blocks = CodeBlockTests.blocks(section)
            #expect(!blocks.isEmpty, "\(title) has no block")
            let own = tests.filter { $0.name.hasPrefix("@Test(\"guide: \(title)\")") }
            #expect(own.count == 1, "\(title) has \(own.count) tests")
            for block in blocks {
                #expect(own.contains { $0.has(block) }, "the test of \(title) doesn't have\n\(block)")
            }
        }
    }

    @Test("The Swift names in the tables exist") func names() throws {
        let declared = try Self.declaredNames()
        var count = 0
        for cell in try Self.swiftCells() {
            for span in Self.spans(cell) {
                for name in span.matches(of: /[A-Za-z_][A-Za-z0-9_]*/).map({ String($0.output) })
                where !["for", "try", "await", "static", "Date", "Logger", "result", "x", "oss", "meta", "a"].contains(
                    name)
                {
                    count += 1
                    let exists = declared.contains(name)
                    #expect(exists, "`\(span)`: nothing public is called \(name)")
                }
            }
        }
        #expect(count > 200)
    }

    @Test("Each operation is in the table or among those that aren't there yet") func operations() throws {
        let article = try Self.article()
        let methods = Set(
            try Self.sources("Sources/OSS/Generated").joined().matches(of: /public func (\w+)\(\s*_ request/).map {
                String($0.output.1)
            })
        #expect(methods.count > 30)
        for method in methods where method != "presign" && !method.hasPrefix("waitUntil") {
            let isThere = article.contains("``OSSClient/\(method)(_:options:)``")
            #expect(isThere, "\(method) is missing")
        }
        let missing = try #require(article.components(separatedBy: "Not there yet as methods of their own").last)
            .replacing("``", with: "").prefix { $0 != "#" }
        let names = Self.spans(missing)
        #expect(!names.isEmpty)
        for name in names {
            let parts = name.split(separator: "_")
            let method = parts.prefix(1).joined() + parts.dropFirst().map(\.capitalized).joined()
            #expect(!methods.contains(method), "\(name) is there")
        }
    }

    /// What stands between backticks.
    private static func spans(_ text: some StringProtocol) -> [String] {
        text.components(separatedBy: "`").enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
    }

    /// The second column of the tables that give Swift names.
    private static func swiftCells() throws -> [String] {
        try article().replacing("``", with: "`").split(separator: "\n").filter { $0.hasPrefix("| ") }.compactMap {
            let cells = $0.components(separatedBy: " | ")
            return cells.count == 2 ? cells[1] : nil
        }
    }

    private static func sources(_ folder: String) throws -> [String] {
        let folder = CodeBlockTests.root.appending(path: folder)
        return try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
            .map { try CodeBlockTests.text(folder.appending(path: $0)) }
    }

    /// The names in public declarations: their parameters may stand on the lines that follow.
    private static func declaredNames() throws -> Set<String> {
        let modules = [
            "OSS", "OSSRuntime", "OSSAsyncHTTPClient", "OSSChecksum", "OSSConfiguration", "OSSKMS", "OSSURLSession",
        ]
        var names = Set(modules)
        for text in try modules.flatMap({ try sources("Sources/\($0)") }) {
            var isDeclaration = false
            for line in text.split(separator: "\n") {
                let line = line.trimmingCharacters(in: .whitespaces)
                if line.hasPrefix("//") { continue }
                if line.contains("public ") { isDeclaration = true }
                // The requirements of a protocol have no modifier of their own.
                guard isDeclaration || line.hasPrefix("func ") || line.hasPrefix("static func ") else { continue }
                for match in line.matches(of: /[A-Za-z_][A-Za-z0-9_]*/) { names.insert(String(match.output)) }
                if line.contains("{") || line.contains("}") || line.hasSuffix(")") { isDeclaration = false }
            }
        }
        return names
    }
}

import Foundation
import Testing

/// Every Swift block of the documentation stands, line for line, in an example of this target: so it compiles, and
/// where it talks to a server it is run against the local one.
@Suite("Code blocks of the documentation")
struct CodeBlockTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func documents() throws -> [URL] {
        let articles = root.appending(path: "Sources/OSS/OSS.docc")
        let names = try FileManager.default.contentsOfDirectory(atPath: articles.path).filter { $0.hasSuffix(".md") }
        return ["README.md", "README.zh-CN.md"].map { root.appending(path: $0) }
            + names.sorted().map { articles.appending(path: $0) }
    }

    /// The lines that matter, without indentation.
    private static func lines(_ text: some StringProtocol) -> [String] {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty && !$0.hasPrefix("import ") }
    }

    @Test func everyBlockIsCompiled() throws {
        let folder = Self.root.appending(path: "Tests/DocumentationTests")
        let examples = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix("Examples.swift") }
            .map { Self.lines(try String(contentsOf: folder.appending(path: $0), encoding: .utf8)) }
        var count = 0
        for document in try Self.documents() {
            let text = try String(contentsOf: document, encoding: .utf8)
            for block in text.components(separatedBy: "```swift\n").dropFirst() {
                let code = block.components(separatedBy: "\n```")[0]
                // A piece of a manifest is no program.
                if code.hasPrefix("// Package.swift") { continue }
                count += 1
                let wanted = Self.lines(code)
                let isThere = examples.contains { lines in
                    lines.indices.contains { start in lines[start...].starts(with: wanted) }
                }
                #expect(isThere, "\(document.lastPathComponent): no example of this target has\n\(code)")
            }
        }
        #expect(count > 20)
    }

    @Test func everyLinkOfAnArticleLeadsSomewhere() throws {
        let articles = try Self.documents()
        for document in articles {
            let text = try String(contentsOf: document, encoding: .utf8)
            for part in text.components(separatedBy: "<doc:").dropFirst() {
                let name = part.prefix { $0 != ">" }
                #expect(
                    articles.contains { $0.lastPathComponent == "\(name).md" },
                    "\(document.lastPathComponent) links to \(name)")
            }
        }
    }
}

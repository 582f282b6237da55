import Foundation
import SpecModel
import Testing

@testable import SwiftEmitter

/// The way from a folder of specs to folders of Swift and back again.
@Suite struct GenerationTests {
    private let root = FileManager.default.temporaryDirectory.appending(path: "oss-generate-\(UUID().uuidString)")
        .path()

    /// A repository with the golden specs and a wire case.
    private func prepare() throws {
        let golden = "\(GoldenFileTests.repository)/\(GoldenFileTests.folder)"
        let spec = "\(root)/Spec/golden"
        try FileManager.default.createDirectory(atPath: "\(spec)/tests", withIntermediateDirectories: true)
        for name in try SpecFolder.names(in: golden) where name.hasSuffix(".json") {
            try FileManager.default.copyItem(atPath: "\(golden)/\(name)", toPath: "\(spec)/\(name)")
        }
        try write(
            #"{ "service": "golden", "cases": [ { "id": "a", "operation": "DeleteThing", "request": { "path": "/" } } ] }"#,
            "Spec/golden/tests/bindings.json")
    }

    private func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(root)/\(path)"))
    }

    private func replace(_ old: String, _ new: String, in path: String) throws {
        let text = String(decoding: try SpecFolder.read("\(root)/\(path)"), as: UTF8.self)
        #expect(text.contains(old))
        try write(text.replacing(old, with: new), path)
    }

    /// Generates, and gives the paths that changed.
    private func generate() throws -> [String] {
        let generation = try Generation(SpecFolder(root: root), checksCoverage: false)
        #expect(generation.diagnostics.sorted.map(\.text) == [])
        return try generation.folders.flatMap { folder, files in
            let target = GeneratedFolder(root: root, folder: folder)
            let changes = try target.changes(to: files)
            try target.apply(changes)
            return changes.map(\.path)
        }
    }

    @Test func oneChangedDocTouchesOneFile() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try prepare()
        #expect(try generate().count == 6)
        #expect(try generate() == [])
        try replace("Where to go on.", "Where to begin.", in: "Spec/golden/pages.json")
        #expect(try generate() == ["Sources/GoldenTests/Generated/Pages.swift"])
    }

    @Test func whatHasNoSpecAnyMoreIsRemoved() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try prepare()
        _ = try generate()
        try FileManager.default.removeItem(atPath: "\(root)/Spec/golden/pages.json")
        #expect(try generate() == ["Sources/GoldenTests/Generated/Pages.swift"])
        #expect(!FileManager.default.fileExists(atPath: "\(root)/Sources/GoldenTests/Generated/Pages.swift"))
    }

    @Test func nothingIsWrittenWhereThereAreMistakes() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try prepare()
        try replace("\"type\": \"Color\"", "\"type\": \"Colour\"", in: "Spec/golden/structures.json")
        let generation = try Generation(SpecFolder(root: root), checksCoverage: true)
        #expect(generation.folders.isEmpty)
        let messages = generation.diagnostics.sorted.map(\.text)
        #expect(messages.contains { $0.contains("unknown type 'Colour' — did you mean 'Color'?") })
        #expect(messages.contains { $0.contains("operation 'PutTree' has no wire case with a request") })
    }

    @Test func foldersThatAreNotThereAreErrors() {
        #expect(throws: SpecFolder.AccessError.self) {
            try Generation(SpecFolder(root: "/nonexistent"), checksCoverage: true)
        }
    }
}

import Foundation
import SpecModel
import Testing

@testable import SwiftEmitter

/// Spec in, Swift out: `Tests/GoldenTests/Cases` holds both side by side. The Swift there is compiled and run by the target
/// GoldenTests.
///
/// After a change of the generator that is meant, `UPDATE_GOLDEN=1 swift test --filter GoldenFileTests` writes them anew;
/// review the difference.
@Suite struct GoldenFileTests {
    static let repository = String(#filePath.split(separator: "/").dropLast(3).joined(separator: "/").prepended("/"))
    static let folder = "Tests/GoldenTests/Cases"

    static func sources(shuffled: Bool = false) throws -> (files: [String: String], messages: [String]) {
        let names = try SpecFolder.names(in: "\(repository)/\(folder)").filter { $0.hasSuffix(".json") }
        var files = try names.map {
            SourceFile(path: "\(folder)/\($0)", bytes: try SpecFolder.read("\(repository)/\(folder)/\($0)"))
        }
        if shuffled { files.shuffle() }
        var diagnostics = Diagnostics()
        let service = try #require(SpecLoader.load(folder: "golden", files: files, &diagnostics))
        let emitter = Emitter(service, &diagnostics)
        return (emitter.sources(), diagnostics.sorted.map(\.text))
    }

    @Test func specBecomesTheGoldenSwift() throws {
        let (files, messages) = try Self.sources()
        #expect(messages.isEmpty)
        let target = GeneratedFolder(root: Self.repository, folder: Self.folder)
        let changes = try target.changes(to: files).filter { !$0.path.hasSuffix(".json") }
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil { return try target.apply(changes) }
        for change in changes {
            if case .changed(let path, let old, let text) = change {
                Issue.record(Comment(rawValue: TextDiff.unified(path, old: old, new: text)))
            } else {
                Issue.record("\(change.path) is not what the golden folder should hold")
            }
        }
    }

    @Test func theOrderOfFilesDoesNotMatter() throws {
        let expected = try Self.sources().files
        for _ in 0..<20 { #expect(try Self.sources(shuffled: true).files == expected) }
    }
}

extension String {
    fileprivate func prepended(_ prefix: String) -> String { prefix + self }
}

import Foundation
import SpecModel
import Subprocess
import Testing

@testable import SwiftEmitter

@Suite struct PrinterTests {
    @Test func documentationWraps() {
        #expect(SwiftPrinter.wrap("one two three", width: 7) == ["one two", "three"])
        #expect(SwiftPrinter.wrap("averylongword x", width: 5) == ["averylongword", "x"])
        #expect(SwiftPrinter.wrap("a\n\nb", width: 5) == ["a", "", "b"])
    }

    @Test(arguments: [
        ("plain", #""plain""#), ("a\"b\\c", #""a\"b\\c""#), ("\n\r\t\0", #""\n\r\t\u{0}""#), ("\u{1}é数", #""\u{1}é数""#),
        ("\u{200B}\u{FEFF}\u{A0}", #""\u{200B}\u{FEFF}\u{A0}""#), (#"\(x)"#, #""\\(x)""#),
    ])
    func literals(text: String, literal: String) {
        #expect(SwiftLiteral.string(text) == literal)
    }

    @Test(arguments: [
        ("7", "7"), ("123456", "123456"), ("1234567", "1_234_567"), ("-1000000", "-1_000_000"), ("0.5", "0.5"),
    ])
    func numbers(text: String, grouped: String) {
        #expect(LiteralBuilder.grouped(text) == grouped)
    }

    /// The formatter of the toolchain finds nothing to do in what the generator writes.
    @Test func outputIsAFixedPointOfTheFormatter() async throws {
        let repository = GoldenFileTests.repository
        let folder = FileManager.default.temporaryDirectory.appending(path: "oss-format-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = try GoldenFileTests.sources().files.merging(WireTestLoweringTests.tests()) { first, _ in first }
        for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
        for arguments in [["lint", "--strict"], ["format", "--in-place"]] {
            let options = ["--configuration", "\(repository)/.swift-format", "--recursive", folder.path()]
            let result = try await Subprocess.run(
                .name("swift"), arguments: Arguments(["format"] + arguments + options), output: .discarded,
                error: .string(limit: 1 << 20))
            #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
        }
        for (name, text) in files {
            let formatted = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
            if formatted != text { Issue.record(Comment(rawValue: TextDiff.unified(name, old: text, new: formatted))) }
        }
    }
}

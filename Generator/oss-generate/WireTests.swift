import ArgumentParser
import SpecModel
import SwiftEmitter

struct WireTests: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turns wire cases from anywhere into Swift tests.",
        discussion: """
            Every *.json below the folder of cases becomes a suite in the output folder. A case that is wrong, or has an \
            operation or member that the spec doesn't know, is reported and becomes a test that fails. \
            The last line printed is 'N cases, B broken, U unknown'.

            Exit status: 0 when all cases could be written, 1 when some are broken or unknown, 2 when a file cannot be \
            read or written.
            """)

    @OptionGroup var location: Location

    @Option(help: ArgumentHelp("The folder with the cases.", valueName: "dir"))
    var cases: String

    @Option(
        help: ArgumentHelp("The folder for the tests; what an earlier run left there is removed.", valueName: "dir"))
    var output: String

    @Flag(help: "List and count cases with unknown operations or members instead of letting them fail.")
    var allowUnknown = false

    func run() throws {
        var diagnostics = Diagnostics()
        var emitters: [Emitter] = []
        for name in try location.spec.services() {
            let files = try location.spec.specFiles(of: name)
            if let service = SpecLoader.load(folder: name, files: files, &diagnostics) {
                emitters.append(Emitter(service, &diagnostics))
            }
        }
        try report(diagnostics)

        let folder = cases.count > 1 && cases.hasSuffix("/") ? String(cases.dropLast()) : cases
        let suite = WireSuite(files: try SpecFolder.jsonFiles(below: folder), services: emitters)
        let target = GeneratedFolder(root: "", folder: output)
        let changes = try target.changes(to: suite.tests(allowsUnknown: allowUnknown))
        try target.apply(changes)
        for case .foreign(let path) in changes {
            printError("\(path): error: not written by oss-generate — give a folder that holds nothing else")
        }
        for diagnostic in suite.mistakes { printError(diagnostic.text) }
        for diagnostic in suite.unknown {
            printError(allowUnknown ? diagnostic.text.replacing(": error: ", with: ": skipped: ") : diagnostic.text)
        }
        print("\(suite.caseCount) cases, \(suite.brokenCount) broken, \(suite.unknownCount) unknown")
        let isForeign = changes.contains { if case .foreign = $0 { true } else { false } }
        if isForeign || suite.brokenCount > 0 || (suite.unknownCount > 0 && !allowUnknown) { throw ExitCode(1) }
    }
}

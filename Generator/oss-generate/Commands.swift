import ArgumentParser
import SpecModel
import SwiftEmitter

struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes the generated Swift anew.",
        discussion: """
            Writes only files whose bytes change and removes those that nothing stands for any more; each is printed. \
            A file in a generated folder that this tool did not write is left alone and reported.

            Exit status: 0 when done, 1 when a spec has mistakes (nothing is written then) or a foreign file is in the \
            way, 2 when a file cannot be read or written.
            """)

    @OptionGroup var location: Location

    func run() throws {
        let generation = try Generation(location.spec, checksCoverage: false)
        try report(generation.diagnostics)
        var hasForeign = false
        var count = 0
        for (folder, files) in generation.folders {
            let target = GeneratedFolder(root: location.root, folder: folder)
            let changes = try target.changes(to: files)
            try target.apply(changes)
            count += files.count
            for change in changes {
                switch change {
                case .added: print("added    \(change.path)")
                case .changed: print("changed  \(change.path)")
                case .stale: print("removed  \(change.path)")
                case .foreign:
                    hasForeign = true
                    printError("\(change.path): error: not written by oss-generate — move it out of the folder")
                }
            }
        }
        print("\(generation.operationCount) operations, \(count) files")
        if hasForeign { throw ExitCode(1) }
    }
}

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fails when what is checked in is not what the specs give, and shows how it differs.",
        discussion: """
            Validates, generates in memory and compares. Nothing is written.

            Exit status: 0 when all is the same, 1 when something differs, a file in a generated folder is not generated, \
            or a spec has mistakes, 2 when a file cannot be read.
            """)

    @OptionGroup var location: Location

    func run() throws {
        let generation = try Generation(location.spec, checksCoverage: true)
        try report(generation.diagnostics)
        var differences = 0
        for (folder, files) in generation.folders {
            for change in try GeneratedFolder(root: location.root, folder: folder).changes(to: files) {
                differences += 1
                switch change {
                case .added(let path, _): print("\(path): missing")
                case .changed(let path, let old, let text): print(TextDiff.unified(path, old: old, new: text))
                case .stale(let path): print("\(path): no longer generated")
                case .foreign(let path): print("\(path): not written by oss-generate")
                }
            }
        }
        if differences > 0 {
            let count = differences == 1 ? "1 file differs" : "\(differences) files differ"
            printError("\(count); run oss-generate generate")
            throw ExitCode(1)
        }
        print("\(generation.operationCount) operations: what is checked in is what the specs give")
    }
}

struct Validate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reports everything that is wrong with the specs and their wire cases.",
        discussion: """
            Each mistake is a line 'file:line:column: error: message — hint' on standard error.

            Exit status: 0 when there is none, 1 when there are some, 2 when a file cannot be read.
            """)

    @OptionGroup var location: Location

    @Flag(help: "Don't ask for wire cases of every operation.")
    var allowMissingCases = false

    func run() throws {
        let generation = try Generation(location.spec, checksCoverage: !allowMissingCases)
        try report(generation.diagnostics)
        print(
            "\(generation.operationCount) operations, \(generation.shapeCount) shapes, \(generation.caseCount) wire cases: "
                + "no mistakes")
    }
}

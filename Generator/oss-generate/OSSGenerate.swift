import ArgumentParser
import SpecModel
import SwiftEmitter

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@main
struct OSSGenerate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oss-generate",
        abstract: "Turns the specs of the service's API into Swift.",
        discussion: """
            Reads Spec/<service>/*.json and writes Sources/<module>/Generated and Tests/<module>Tests/Generated. \
            The format of the specs is described in Spec/README.md.

            Exit status: 0 when all is well, 1 when there are mistakes or differences, 2 when the command line is wrong \
            or a file cannot be read or written.
            """,
        subcommands: [Generate.self, Check.self, Validate.self, WireTests.self])

    /// Usage errors end with 2, as the help says; the parser's own status for them is another.
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let status as ExitCode {
            leave(status.rawValue)
        } catch let error as SpecFolder.AccessError {
            printError("oss-generate: \(error)")
            leave(2)
        } catch {
            let isHelp = exitCode(for: error) == .success
            isHelp ? print(fullMessage(for: error)) : printError(fullMessage(for: error))
            leave(isHelp ? 0 : 2)
        }
    }
}

func printError(_ text: String) {
    var rest = Array((text + "\n").utf8)[...]
    while !rest.isEmpty {
        let written = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        if written <= 0 { return }
        rest = rest.dropFirst(written)
    }
}

/// Outside of the command, whose own `exit` this name would find.
private func leave(_ status: Int32) -> Never {
    exit(status)
}

struct Location: ParsableArguments {
    @Option(help: ArgumentHelp("The repository's root.", valueName: "dir"))
    var root = "."

    var spec: SpecFolder { SpecFolder(root: root) }
}

/// Prints the mistakes and leaves with status 1 if there are any.
func report(_ diagnostics: Diagnostics) throws {
    if diagnostics.isEmpty { return }
    for diagnostic in diagnostics.sorted { printError(diagnostic.text) }
    printError(diagnostics.all.count == 1 ? "1 mistake" : "\(diagnostics.all.count) mistakes")
    throw ExitCode(1)
}

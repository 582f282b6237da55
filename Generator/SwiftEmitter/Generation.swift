import SpecModel

/// Everything the tool makes of a repository: what is wrong with its specs, and what its generated folders should hold.
public struct Generation {
    public private(set) var diagnostics = Diagnostics()
    /// What ``Emitter`` wrote, by the folder below the root.
    public private(set) var folders: [(folder: String, files: [String: String])] = []
    public private(set) var operationCount = 0
    public private(set) var shapeCount = 0
    public private(set) var caseCount = 0

    /// Reads and validates all services. Nothing is emitted where there are mistakes.
    ///
    /// - Parameter checksCoverage: whether an operation without wire cases is a mistake; while one is being added, it is
    ///   not yet.
    public init(_ spec: SpecFolder, checksCoverage: Bool) throws {
        var emitters: [(Emitter, [WireCaseFile])] = []
        for name in try spec.services() {
            let files = try spec.specFiles(of: name)
            guard let service = SpecLoader.load(folder: name, files: files, &diagnostics) else { continue }
            let emitter = Emitter(service, &diagnostics)
            let reader = WireCaseReader(service)
            var cases: [WireCaseFile] = []
            for file in try spec.caseFiles(of: name) {
                if let read = reader.read(file, into: &diagnostics) {
                    cases.append(read)
                } else if let other = WireCaseReader.service(of: file), other != name {
                    diagnostics.error(
                        "wire cases of the service '\(other)' in the folder of '\(name)'",
                        at: SourceLocation(file: file, offset: 0))
                }
            }
            for wire in cases.flatMap(\.cases) { diagnostics.append(wire.mistakes + wire.unknown) }
            if checksCoverage { reader.checkCoverage(cases, &diagnostics) }
            operationCount += service.operations.count
            shapeCount += service.shapes.count
            caseCount += cases.reduce(0) { $0 + $1.cases.count }
            emitters.append((emitter, cases))
        }
        guard diagnostics.isEmpty else { return }
        for (emitter, cases) in emitters {
            let module = emitter.service.module
            folders.append(("Sources/\(module)/Generated", emitter.sources()))
            folders.append(("Tests/\(module)Tests/Generated", emitter.wireTests(cases, showsLines: false)))
        }
    }
}

import SpecModel

/// Wire cases from a folder of any origin, and the tests they become.
public struct WireSuite {
    private var files: [(file: WireCaseFile, emitter: Emitter)] = []

    public init(files: [SourceFile], services: [Emitter]) {
        for file in files.sorted(by: { $0.path < $1.path }) {
            let name = WireCaseReader.service(of: file)
            let emitter = services.first { $0.service.name == name } ?? services.first
            guard let emitter else { continue }
            self.files.append((Self.read(file, of: name, emitter.service), emitter))
        }
    }

    /// A file that cannot be used becomes one case that says why: nothing is dropped silently.
    private static func read(_ file: SourceFile, of name: String?, _ service: Service) -> WireCaseFile {
        var diagnostics = Diagnostics()
        let read = WireCaseReader(service).read(file, into: &diagnostics)
        if let read, diagnostics.isEmpty { return read }
        var unknown: [Diagnostic] = []
        if diagnostics.isEmpty, let name {
            unknown = [Diagnostic("unknown service '\(name)'", at: SourceLocation(file: file, offset: 0))]
        }
        let whole = WireCase(unusable: file, mistakes: diagnostics.all, unknown: unknown)
        return WireCaseFile(file: file, service: service.name, cases: [whole] + (read?.cases ?? []))
    }

    private var cases: [WireCase] { files.flatMap(\.file.cases) }

    public var caseCount: Int { cases.count }
    public var brokenCount: Int { cases.count { !$0.mistakes.isEmpty } }
    public var unknownCount: Int { cases.count { $0.mistakes.isEmpty && !$0.unknown.isEmpty } }
    public var mistakes: [Diagnostic] { cases.flatMap(\.mistakes) }
    public var unknown: [Diagnostic] { cases.flatMap(\.unknown) }

    /// The Swift files by name. With `allowsUnknown`, cases that are only unknown are left out.
    public func tests(allowsUnknown: Bool) -> [String: String] {
        var result: [String: String] = [:]
        for group in Dictionary(grouping: files, by: \.emitter.service.name).values {
            guard let emitter = group.first?.emitter else { continue }
            let kept = group.map { entry in
                var file = entry.file
                if allowsUnknown { file.cases.removeAll { $0.mistakes.isEmpty && !$0.unknown.isEmpty } }
                return file
            }
            result.merge(emitter.wireTests(kept, showsLines: true)) { first, _ in first }
        }
        return result
    }
}

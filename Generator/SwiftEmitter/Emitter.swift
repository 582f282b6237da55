import SpecModel

/// From a resolved service to the text of its Swift files.
public struct Emitter {
    public let service: Service
    public let names: Names

    /// Decides the names; what is wrong with them is added to `diagnostics`.
    public init(_ service: Service, _ diagnostics: inout Diagnostics) {
        self.service = service
        names = Names(service, &diagnostics)
    }

    /// The files of `Sources/<module>/Generated`, by name.
    public func sources() -> [String: String] {
        Dictionary(
            Lowering(service: service, names: names).files().map { ($0.name, SwiftPrinter.print($0.file)) },
            uniquingKeysWith: { first, _ in first })
    }

    /// The tests of wire cases: one file for each file of cases, and one with what they have in common.
    public func wireTests(_ files: [WireCaseFile], showsLines: Bool) -> [String: String] {
        let lowering = WireTestLowering(service: service, names: names, showsLines: showsLines)
        var result: [String: String] = [:]
        var taken: Set<String> = []
        for file in files.sorted(by: { $0.file.path < $1.file.path }) where !file.cases.isEmpty {
            let suite = WireTestLowering.unique(suiteName(file.file), &taken)
            result["\(suite).swift"] = SwiftPrinter.print(lowering.file(file, suite: suite))
        }
        if let members = lowering.membersFile(files) {
            result["\(service.module)WireMembers.swift"] = SwiftPrinter.print(members)
        }
        return result
    }

    /// `bucket-acl.json` → `BucketACLWireTests`, as the feature of that file is spelled.
    private func suiteName(_ file: SourceFile) -> String {
        let feature = service.features.first { $0.file.stem == file.stem }?.name.value
        let words = file.stem.split { !$0.isLetter && !$0.isNumber }.map { $0.prefix(1).uppercased() + $0.dropFirst() }
        return "\(feature ?? String(words.joined().unicodeScalars.filter(\.isASCII)))WireTests"
    }
}

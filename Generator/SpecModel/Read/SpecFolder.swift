#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Finds and reads the files below `Spec/`.
public struct SpecFolder: Sendable {
    /// A file or folder that cannot be used, in words for people.
    public struct AccessError: Error, CustomStringConvertible {
        public let description: String

        public init(_ description: String) { self.description = description }
    }

    public let root: String

    public init(root: String) {
        self.root = root
    }

    /// The folders below `Spec` that have a `service.json`, sorted.
    public func services() throws -> [String] {
        let names = try Self.names(in: "\(root)/Spec").filter {
            FileManager.default.fileExists(atPath: "\(root)/Spec/\($0)/service.json")
        }
        if names.isEmpty { throw AccessError("no service.json in any folder below \(root)/Spec") }
        return names
    }

    /// `service.json` and the features of a service.
    public func specFiles(of service: String) throws -> [SourceFile] {
        try jsonFiles(in: "Spec/\(service)")
    }

    /// The wire cases of a service; none where it has no folder of them.
    public func caseFiles(of service: String) throws -> [SourceFile] {
        let folder = "Spec/\(service)/tests"
        return FileManager.default.fileExists(atPath: "\(root)/\(folder)") ? try jsonFiles(in: folder) : []
    }

    private func jsonFiles(in folder: String) throws -> [SourceFile] {
        try Self.names(in: "\(root)/\(folder)").filter { $0.hasSuffix(".json") }.map {
            SourceFile(path: "\(folder)/\($0)", bytes: try Self.read("\(root)/\(folder)/\($0)"))
        }
    }

    /// Every JSON file below a folder, wherever it is, sorted by path.
    public static func jsonFiles(below folder: String) throws -> [SourceFile] {
        var result: [SourceFile] = []
        for name in try names(in: folder) {
            let path = "\(folder)/\(name)"
            if isFolder(path) {
                result += try jsonFiles(below: path)
            } else if name.hasSuffix(".json") {
                result.append(SourceFile(path: path, bytes: try read(path)))
            }
        }
        return result
    }

    /// The names in a folder but hidden ones, sorted.
    public static func names(in folder: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }.sorted()
        } catch {
            throw AccessError("cannot read the folder \(folder)")
        }
    }

    public static func isFolder(_ path: String) -> Bool {
        var isDirectory: Bool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory
    }

    public static func read(_ path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw AccessError("cannot read the file \(path)")
        }
        return [UInt8](data)
    }
}

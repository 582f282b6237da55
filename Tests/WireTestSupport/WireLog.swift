#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What `Scripts/wire-tests` counts: a file with a line per check, and below a failed one its differences, indented.
enum WireLog {
    static func record(id: String, place: String, _ differences: [String]) {
        guard let path = getenv("OSS_WIRE_RESULTS").map({ String(cString: $0) }), !path.isEmpty else { return }
        var text = "\(differences.isEmpty ? "passed" : "failed")\t\(place)\t\(id)\n"
        for line in differences.flatMap({ $0.split(separator: "\n", omittingEmptySubsequences: false) }) {
            text += "    \(line)\n"
        }
        let file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        guard file >= 0 else { return }
        defer { close(file) }
        // Tests run side by side: one write keeps a record together.
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    }
}

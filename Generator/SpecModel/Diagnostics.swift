/// One thing that is wrong, where, and what could be done about it.
public struct Diagnostic: Sendable {
    public let location: SourceLocation
    public let message: String
    public let hint: String?

    public init(_ message: String, at location: SourceLocation, hint: String? = nil) {
        self.location = location
        self.message = message
        self.hint = hint
    }

    /// `path:line:column: error: message — hint`
    public var text: String {
        let (line, column) = location.file.position(at: location.offset)
        let text = "\(location.file.path):\(line):\(column): error: \(message)"
        return hint.map { "\(text) — \($0)" } ?? text
    }
}

/// Everything found wrong in one run. Nothing stops at the first mistake.
public struct Diagnostics: Sendable {
    public private(set) var all: [Diagnostic] = []

    public init() {}

    public var isEmpty: Bool { all.isEmpty }

    public mutating func error(_ message: String, at location: SourceLocation, hint: String? = nil) {
        all.append(Diagnostic(message, at: location, hint: hint))
    }

    public mutating func append(_ others: [Diagnostic]) {
        all += others
    }

    /// In the order of files and places, whatever the order in which the mistakes were found.
    public var sorted: [Diagnostic] {
        all.sorted {
            ($0.location.file.path, $0.location.offset, $0.message)
                < ($1.location.file.path, $1.location.offset, $1.message)
        }
    }
}

/// The name among `candidates` that was most likely meant by `name`, as a hint.
public func didYouMean(_ name: String, _ candidates: some Sequence<String>) -> String? {
    let wanted = Array(name.lowercased().unicodeScalars)
    var best: (distance: Int, name: String)?
    for candidate in candidates where candidate != name {
        let distance = editDistance(wanted, Array(candidate.lowercased().unicodeScalars))
        if (distance, candidate) < (best?.distance ?? .max, best?.name ?? "") { best = (distance, candidate) }
    }
    // A third of the letters may differ; beyond that the hint would only puzzle.
    guard let best, best.distance <= max(1, wanted.count / 3) else { return nil }
    return "did you mean '\(best.name)'?"
}

/// Damerau-Levenshtein distance (neighbours swapped count once).
func editDistance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 1...a.count {
        var row = [i] + [Int](repeating: 0, count: b.count)
        for j in 1...b.count {
            let substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
            row[j] = min(last[j] + 1, row[j - 1] + 1, substitution)
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                row[j] = min(row[j], beforeLast[j - 2] + 1)
            }
        }
        (beforeLast, last) = (last, row)
    }
    return last[b.count]
}

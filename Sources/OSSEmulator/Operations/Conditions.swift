/// The conditions of a read or of a copy's source.
struct Conditions {
    private let match: String?
    private let noneMatch: String?
    private let modifiedSince: EmulatorInstant?
    private let unmodifiedSince: EmulatorInstant?

    /// - Parameter prefix: `x-oss-copy-source-` for copies.
    init(_ request: Request, prefix: String = "") {
        match = request.nonEmptyHeader(prefix + "if-match")
        noneMatch = request.nonEmptyHeader(prefix + "if-none-match")
        // A date that can't be read is no condition.
        modifiedSince = request.nonEmptyHeader(prefix + "if-modified-since").flatMap(EmulatorInstant.init(httpDate:))
        unmodifiedSince = request.nonEmptyHeader(prefix + "if-unmodified-since").flatMap(
            EmulatorInstant.init(httpDate:))
    }

    func check(_ version: ObjectVersion) throws(Fault) {
        let modified = version.lastModified.seconds
        if let match, !Self.names(match, version.etag) { throw .preconditionFailed("If-Match") }
        if let unmodifiedSince, modified > unmodifiedSince.seconds { throw .preconditionFailed("If-Unmodified-Since") }
        if let noneMatch {
            if Self.names(noneMatch, version.etag) { throw notModified(version) }
        } else if let modifiedSince, modified <= modifiedSince.seconds {
            throw notModified(version)
        }
    }

    private func notModified(_ version: ObjectVersion) -> Fault {
        .notModified.header("ETag", "\"\(version.etag)\"").header("Last-Modified", version.lastModified.httpDate)
    }

    private static func names(_ list: String, _ etag: String) -> Bool {
        list.split(separator: ",").contains { candidate in
            var text = candidate.trimmingBlanks
            if text == "*" { return true }
            if text.hasPrefix("W/") { text.removeFirst(2) }
            if text.utf8.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") {
                text = String(text.dropFirst().dropLast())
            }
            return text == etag
        }
    }
}

/// A `Range` header, resolved against an object's size.
enum ResolvedRange: Equatable {
    case whole
    case part(start: Int64, length: Int64)
    case unsatisfiable

    /// - Parameter isStandard: `x-oss-range-behavior: standard` was asked for. Without it the service sends the whole
    ///   object for a range that doesn't fit.
    init(_ header: String, size: Int64, isStandard: Bool) {
        self = .whole
        guard header.hasPrefix("bytes=") else { return }
        let spec = header.dropFirst(6)
        guard let dash = spec.firstIndex(of: "-"), !spec.contains(",") else { return }
        let first = spec[..<dash].trimmingBlanks
        let last = spec[spec.index(after: dash)...].trimmingBlanks
        func number(_ text: String) -> Int64? {
            text.utf8.allSatisfy { (48...57).contains($0) } ? Int64(text) : nil
        }
        if first.isEmpty {
            guard let count = number(last) else { return }
            if count > 0, count <= size {
                self = .part(start: size - count, length: count)
            } else if isStandard {
                self = count > 0 && size > 0 ? .part(start: 0, length: size) : .unsatisfiable
            }
            return
        }
        guard let start = number(first) else { return }
        guard let end = last.isEmpty ? size - 1 : number(last), last.isEmpty || end >= start else { return }
        if start >= size {
            if isStandard { self = .unsatisfiable }
        } else if end >= size {
            if isStandard { self = .part(start: start, length: size - start) }
        } else {
            self = .part(start: start, length: end - start + 1)
        }
    }
}

/// The difference of two texts as people know it from `diff -u`, cut off where it gets too long to be read.
public enum TextDiff {
    private enum Line {
        case same(Substring)
        case removed(Substring)
        case added(Substring)

        var isSame: Bool {
            if case .same = self { true } else { false }
        }

        var text: String {
            switch self {
            case .same(let text): " \(text)"
            case .removed(let text): "-\(text)"
            case .added(let text): "+\(text)"
            }
        }
    }

    public static func unified(_ path: String, old: String, new: String, limit: Int = 80) -> String {
        let lines = compare(split(old), split(new))
        var result = ["--- \(path) (checked in)", "+++ \(path) (generated)"]
        var oldLine = 1
        var newLine = 1
        var index = 0
        while index < lines.count {
            guard let first = lines[index...].firstIndex(where: { !$0.isSame }) else { break }
            // Three lines around a change; changes closer than six lines are shown together.
            let start = max(index, first - 3)
            (oldLine, newLine) = (oldLine + start - index, newLine + start - index)
            var end = first
            var quiet = 0
            while end < lines.count, quiet <= 6 {
                quiet = lines[end].isSame ? quiet + 1 : 0
                end += 1
            }
            end -= max(0, quiet - 3)
            let hunk = lines[start..<end]
            let removed = hunk.count { if case .added = $0 { false } else { true } }
            let added = hunk.count { if case .removed = $0 { false } else { true } }
            result.append("@@ -\(oldLine),\(removed) +\(newLine),\(added) @@")
            result += hunk.map(\.text)
            (oldLine, newLine) = (oldLine + removed, newLine + added)
            index = end
            if result.count > limit { break }
        }
        if result.count > limit { result = result.prefix(limit) + ["… and more"] }
        return result.joined(separator: "\n")
    }

    private static func split(_ text: String) -> [Substring] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private static func compare(_ old: [Substring], _ new: [Substring]) -> [Line] {
        var prefix = 0
        while prefix < min(old.count, new.count), old[prefix] == new[prefix] { prefix += 1 }
        var suffix = 0
        while suffix < min(old.count, new.count) - prefix,
            old[old.count - 1 - suffix] == new[new.count - 1 - suffix]
        {
            suffix += 1
        }
        let middle = compareMiddle(Array(old[prefix..<old.count - suffix]), Array(new[prefix..<new.count - suffix]))
        return old[..<prefix].map(Line.same) + middle + old[(old.count - suffix)...].map(Line.same)
    }

    /// By the longest common subsequence; texts that are too large for its table count as altogether different.
    private static func compareMiddle(_ old: [Substring], _ new: [Substring]) -> [Line] {
        guard old.count * new.count < 4_000_000 else { return old.map(Line.removed) + new.map(Line.added) }
        let width = new.count + 1
        var lengths = [Int32](repeating: 0, count: (old.count + 1) * width)
        for i in old.indices.reversed() {
            for j in new.indices.reversed() {
                lengths[i * width + j] =
                    old[i] == new[j]
                    ? lengths[(i + 1) * width + j + 1] + 1
                    : max(lengths[(i + 1) * width + j], lengths[i * width + j + 1])
            }
        }
        var result: [Line] = []
        var (i, j) = (0, 0)
        while i < old.count || j < new.count {
            if i < old.count, j < new.count, old[i] == new[j] {
                result.append(.same(old[i]))
                (i, j) = (i + 1, j + 1)
            } else if j == new.count || (i < old.count && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) {
                result.append(.removed(old[i]))
                i += 1
            } else {
                result.append(.added(new[j]))
                j += 1
            }
        }
        return result
    }
}

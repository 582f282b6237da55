#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The name of an object, compared byte by byte.
///
/// A Swift `String` would not do: it takes a composed and a decomposed "é" for the same, and sorts by more than bytes.
struct ObjectKey: Hashable, Comparable, Sendable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// - Throws: when no object may have this name.
    init(checking bytes: [UInt8]) throws(Fault) {
        guard (1...1023).contains(bytes.count), !bytes.contains(0), bytes[0] != UInt8(ascii: "\\"),
            String(validating: bytes, as: UTF8.self) != nil
        else { throw .invalidObjectName }
        self.bytes = bytes
    }

    var text: String {
        String(decoding: bytes, as: UTF8.self)
    }

    static func < (left: ObjectKey, right: ObjectKey) -> Bool {
        left.bytes.withUnsafeBytes { left in
            right.bytes.withUnsafeBytes { right in
                let shorter = min(left.count, right.count)
                if shorter > 0, let first = left.baseAddress, let second = right.baseAddress {
                    let order = memcmp(first, second, shorter)
                    if order != 0 { return order < 0 }
                }
                return left.count < right.count
            }
        }
    }

    func hasPrefix(_ prefix: [UInt8]) -> Bool {
        bytes.count >= prefix.count && bytes.starts(with: prefix)
    }

    /// The first key that sorts after every key with this prefix; nil when there is none.
    static func afterAll(withPrefix prefix: [UInt8]) -> ObjectKey? {
        var bytes = prefix
        while let last = bytes.last {
            if last < 255 {
                bytes[bytes.count - 1] = last + 1
                return ObjectKey(bytes)
            }
            bytes.removeLast()
        }
        return nil
    }

    /// The key up to and with the first `delimiter` that comes after `start` bytes.
    func commonPrefix(after start: Int, delimiter: [UInt8]) -> [UInt8]? {
        guard !delimiter.isEmpty, bytes.count >= start + delimiter.count else { return nil }
        var index = start
        while index + delimiter.count <= bytes.count {
            if bytes[index] == delimiter[0], bytes[index..<index + delimiter.count].elementsEqual(delimiter) {
                return Array(bytes[..<(index + delimiter.count)])
            }
            index += 1
        }
        return nil
    }
}

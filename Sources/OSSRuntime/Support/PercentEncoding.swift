/// Percent-encoding as the service and its signatures want it: what RFC 3986 calls unreserved stays
/// (`A`-`Z` `a`-`z` `0`-`9` `-` `.` `_` `~`), every other byte of the UTF-8 becomes `%XX` in upper case.
///
/// Paths are escaped here and nowhere else, so that what is sent and what is signed can't differ. Nothing is
/// normalised: `//`, `.` and `..` are ordinary parts of a key.
package enum PercentEncoding {
    /// Escapes an object's key, or a whole path: `/` stays.
    package static func path(_ path: String) -> String {
        escape(path, keepsSlash: true)
    }

    /// Escapes the name or value of a query parameter: `/` is escaped, a space becomes `%20`.
    package static func query(_ value: String) -> String {
        escape(value, keepsSlash: false)
    }

    /// Decodes `%XX`. What is no escape stays as it is, `+` too; bytes that are not UTF-8 become U+FFFD.
    package static func decode(_ text: String) -> String {
        var text = text
        // Read inside the closure only.
        return text.withUTF8 { bytes in
            bytes.contains(UInt8(ascii: "%")) ? decode(bytes) : nil
        } ?? text
    }

    static func decode(_ text: UnsafeBufferPointer<UInt8>) -> String {
        String(unsafeUninitializedCapacity: text.count) { output in
            var count = 0
            var i = 0
            // Decoding never makes it longer: `count <= i <= text.count`.
            while i < text.count {
                if text[i] == UInt8(ascii: "%"), i + 2 < text.count, let high = text[i + 1].hexadecimalValue,
                    let low = text[i + 2].hexadecimalValue
                {
                    output[count] = high << 4 | low
                    i += 3
                } else {
                    output[count] = text[i]
                    i += 1
                }
                count += 1
            }
            return count
        }
    }

    /// Appends the escaped text.
    static func append(_ text: String, keepsSlash: Bool, to output: inout [UInt8]) {
        var text = text
        // Read inside the closure only.
        text.withUTF8 { append($0, keepsSlash: keepsSlash, to: &output) }
    }

    static func append(_ text: UnsafeBufferPointer<UInt8>, keepsSlash: Bool, to output: inout [UInt8]) {
        var kept = 0
        for i in 0..<text.count {
            let byte = text[i]
            if isKept(byte, keepsSlash: keepsSlash) { continue }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: text[kept..<i]))
            output.append(UInt8(ascii: "%"))
            output.append(upperCaseDigit(byte >> 4))
            output.append(upperCaseDigit(byte & 0x0F))
            kept = i + 1
        }
        output.append(contentsOf: UnsafeBufferPointer(rebasing: text[kept...]))
    }

    private static func escape(_ text: String, keepsSlash: Bool) -> String {
        var text = text
        // As above. Most keys have nothing to escape, and are given back without a copy.
        let escaped: [UInt8]? = text.withUTF8 { bytes in
            if bytes.allSatisfy({ isKept($0, keepsSlash: keepsSlash) }) { return nil }
            var output: [UInt8] = []
            output.reserveCapacity(bytes.count + bytes.count / 2 + 16)
            append(bytes, keepsSlash: keepsSlash, to: &output)
            return output
        }
        return escaped.map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    @inline(__always)
    private static func isKept(_ byte: UInt8, keepsSlash: Bool) -> Bool {
        // A simple name's bytes are letters, digits, "-", "." and "_".
        byte.isSimpleNameByte || byte == UInt8(ascii: "~") || (keepsSlash && byte == .slash)
    }

    private static func upperCaseDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? 0x30 &+ nibble : 0x37 &+ nibble
    }
}

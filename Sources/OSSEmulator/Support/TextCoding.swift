/// Hexadecimal, Base64 and percent coding over UTF-8 bytes.
enum Hex {
    private static let lower = Array("0123456789abcdef".utf8)
    private static let upper = Array("0123456789ABCDEF".utf8)

    static func encode(_ bytes: some Sequence<UInt8>, uppercase: Bool = false) -> String {
        let digits = uppercase ? upper : lower
        var result: [UInt8] = []
        for byte in bytes {
            result.append(digits[Int(byte >> 4)])
            result.append(digits[Int(byte & 15)])
        }
        return String(decoding: result, as: UTF8.self)
    }

    static func encode(_ number: UInt64, uppercase: Bool = false) -> String {
        encode(withUnsafeBytes(of: number.bigEndian) { Array($0) }, uppercase: uppercase)
    }

    static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    static func decode(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digit(digits[index]), let low = digit(digits[index + 1]) else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }
}

enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (index, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(index) }
        return values
    }()

    static func encode(_ bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let rest = bytes.count - index
            let first = bytes[index]
            let second = rest > 1 ? bytes[index + 1] : 0
            let third = rest > 2 ? bytes[index + 2] : 0
            result.append(alphabet[Int(first >> 2)])
            result.append(alphabet[Int((first & 3) << 4 | second >> 4)])
            result.append(rest > 1 ? alphabet[Int((second & 15) << 2 | third >> 6)] : UInt8(ascii: "="))
            result.append(rest > 2 ? alphabet[Int(third & 63)] : UInt8(ascii: "="))
            index += 3
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Strict: padded, nothing between or after.
    static func decode(_ text: String) -> [UInt8]? {
        let letters = Array(text.utf8)
        guard letters.count % 4 == 0 else { return nil }
        let padding = letters.suffix(2).filter { $0 == UInt8(ascii: "=") }.count
        let body = letters.dropLast(padding)
        var result: [UInt8] = []
        result.reserveCapacity(letters.count / 4 * 3)
        var bits: UInt32 = 0
        var count = 0
        for letter in body {
            let value = values[Int(letter)]
            guard value != 255 else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return result
    }
}

enum Percent {
    private static let unreserved: [Bool] = {
        var table = [Bool](repeating: false, count: 256)
        for byte in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8 {
            table[Int(byte)] = true
        }
        return table
    }()
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Everything but RFC 3986's unreserved characters becomes `%XX`.
    static func encode(_ bytes: some Sequence<UInt8>, keepingSlash: Bool = false) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.underestimatedCount + 16)
        encode(bytes, keepingSlash: keepingSlash, into: &result)
        return String(decoding: result, as: UTF8.self)
    }

    static func encode(_ bytes: some Sequence<UInt8>, keepingSlash: Bool = false, into result: inout [UInt8]) {
        for byte in bytes {
            if unreserved[Int(byte)] || (keepingSlash && byte == UInt8(ascii: "/")) {
                result.append(byte)
            } else {
                result.append(UInt8(ascii: "%"))
                result.append(digits[Int(byte >> 4)])
                result.append(digits[Int(byte & 15)])
            }
        }
    }

    static func encode(_ text: String, keepingSlash: Bool = false) -> String {
        encode(text.utf8, keepingSlash: keepingSlash)
    }

    /// The bytes meant; nil where a `%` isn't followed by two hexadecimal digits. A plus sign stays one.
    static func decode(_ bytes: some Sequence<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.underestimatedCount)
        var iterator = bytes.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            guard let first = iterator.next(), let second = iterator.next(),
                let high = Hex.digit(first), let low = Hex.digit(second)
            else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }

    static func decodeText(_ text: some StringProtocol) -> String? {
        guard let bytes = decode(text.utf8) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension StringProtocol {
    /// Equality of what was sent: to `==` a composed and a decomposed letter are the same.
    func hasSameBytes(as other: some StringProtocol) -> Bool {
        utf8.elementsEqual(other.utf8)
    }

    /// Without the spaces and tabs at both ends.
    var trimmingBlanks: String {
        let bytes = Array(utf8)
        let isText: (UInt8) -> Bool = { $0 != 32 && $0 != 9 }
        guard let first = bytes.firstIndex(where: isText), let last = bytes.lastIndex(where: isText) else { return "" }
        return first == 0 && last == bytes.count - 1
            ? String(self) : String(decoding: bytes[first...last], as: UTF8.self)
    }
}

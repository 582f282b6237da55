/// Matching with `*` for any run of bytes, and `?` for one character.
enum Wildcard {
    /// - Parameter isPrefix: whether it is enough that the text begins as the pattern says.
    static func matches(_ pattern: some StringProtocol, _ text: some StringProtocol, isPrefix: Bool = false) -> Bool {
        matches(Array(pattern.utf8) + (isPrefix ? [UInt8(ascii: "*")] : []), Array(text.utf8))
    }

    /// On a mismatch only the last `*` takes one byte more, so time is at most the product of both lengths.
    static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var place = 0
        var index = 0
        var retry: (place: Int, index: Int)?
        while index < text.count {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                place += 1
                retry = (place, index)
            } else if place < pattern.count, pattern[place] == UInt8(ascii: "?") {
                place += 1
                index += 1
                while index < text.count, text[index] & 0xC0 == 0x80 { index += 1 }
            } else if place < pattern.count, pattern[place] == text[index] {
                place += 1
                index += 1
            } else if let (star, taken) = retry {
                retry = (star, taken + 1)
                (place, index) = (star, taken + 1)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

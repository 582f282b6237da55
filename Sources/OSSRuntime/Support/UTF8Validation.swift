/// Finds the first byte of `bytes` that is not well-formed UTF-8, or starts U+FFFE or U+FFFF, which XML has not.
///
/// The standard library's validation (`UTF8Span`) needs a newer macOS than this package does, and does not say where.
func firstInvalidUTF8(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    let count = bytes.count
    let highBits: UInt64 = 0x8080_8080_8080_8080
    var i = 0
    while true {
        // ASCII, 32 bytes at a time; every load ends at or before `count`.
        while i &+ 32 <= count {
            let a = base.loadUnaligned(fromByteOffset: i, as: UInt64.self)
            let b = base.loadUnaligned(fromByteOffset: i &+ 8, as: UInt64.self)
            let c = base.loadUnaligned(fromByteOffset: i &+ 16, as: UInt64.self)
            let d = base.loadUnaligned(fromByteOffset: i &+ 24, as: UInt64.self)
            if (a | b | c | d) & highBits != 0 { break }
            i &+= 32
        }
        // Until 32 ASCII bytes may follow again: byte by byte.
        var asciiRun = 0
        while asciiRun < 32 {
            if i >= count { return nil }
            let first = base.load(fromByteOffset: i, as: UInt8.self)
            if first < 0x80 {
                i &+= 1
                asciiRun &+= 1
                continue
            }
            asciiRun = 0
            let length: Int
            var lowest: UInt8 = 0x80
            var highest: UInt8 = 0xBF
            switch first {
            case 0xC2...0xDF: length = 2
            case 0xE0: (length, lowest) = (3, 0xA0)
            case 0xED: (length, highest) = (3, 0x9F)
            case 0xE1...0xEF: length = 3
            case 0xF0: (length, lowest) = (4, 0x90)
            case 0xF4: (length, highest) = (4, 0x8F)
            case 0xF1...0xF3: length = 4
            default: return i
            }
            guard i &+ length <= count else { return i }
            let second = base.load(fromByteOffset: i &+ 1, as: UInt8.self)
            guard second >= lowest, second <= highest else { return i }
            if length > 2 {
                let third = base.load(fromByteOffset: i &+ 2, as: UInt8.self)
                guard third & 0xC0 == 0x80 else { return i }
                if first == 0xEF, second == 0xBF, third >= 0xBE { return i }
                if length > 3 {
                    guard base.load(fromByteOffset: i &+ 3, as: UInt8.self) & 0xC0 == 0x80 else { return i }
                }
            }
            i &+= length
        }
    }
}

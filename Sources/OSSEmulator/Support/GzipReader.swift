/// Reads gzip (RFC 1952, 1951), piece by piece.
struct GzipReader {
    struct Failure: Error {
        var reason: String
    }

    private var source: () throws -> [UInt8]?
    private var input: [UInt8] = []
    private var offset = 0
    private var bits: UInt64 = 0
    private var bitCount = 0
    /// The last 32 KB and what is not given away yet.
    private var window: [UInt8] = []
    private var given = 0
    private var state = State.header

    private enum State {
        case header, block, stored(Int), codes(Codes, Codes), trailer, end
    }

    private static let piece = 256 << 10

    /// - Parameter source: gives the compressed bytes; nil at their end.
    init(_ source: @escaping () throws -> [UInt8]?) {
        self.source = source
    }

    // MARK: Input

    private mutating func byte() throws -> UInt8? {
        while offset == input.count {
            guard let more = try source() else { return nil }
            (input, offset) = (more, 0)
        }
        defer { offset += 1 }
        return input[offset]
    }

    private mutating func need(_ count: Int) throws {
        while bitCount < count {
            guard let byte = try byte() else { throw Failure(reason: "the data ends too early") }
            bits |= UInt64(byte) << UInt64(bitCount)
            bitCount += 8
        }
    }

    private mutating func take(_ count: Int) throws -> Int {
        try need(count)
        defer {
            bits >>= UInt64(count)
            bitCount -= count
        }
        return Int(bits & (1 << UInt64(count) - 1))
    }

    private mutating func alignToByte() {
        bits >>= UInt64(bitCount % 8)
        bitCount -= bitCount % 8
    }

    // MARK: Huffman codes

    /// Canonical codes: how many there are of each length, and their symbols in order.
    struct Codes {
        private var counts = [Int](repeating: 0, count: 16)
        private var symbols: [Int]

        init(lengths: [Int]) throws {
            for length in lengths { counts[length] += 1 }
            counts[0] = 0
            var left = 1
            for length in 1..<16 {
                left = left << 1 - counts[length]
                guard left >= 0 else { throw Failure(reason: "a code is over-subscribed") }
            }
            var starts = [Int](repeating: 0, count: 16)
            for length in 1..<15 { starts[length + 1] = starts[length] + counts[length] }
            symbols = [Int](repeating: 0, count: lengths.count)
            for (symbol, length) in lengths.enumerated() where length > 0 {
                symbols[starts[length]] = symbol
                starts[length] += 1
            }
        }

        fileprivate func read(_ reader: inout GzipReader) throws -> Int {
            var (code, first, index) = (0, 0, 0)
            for length in 1..<16 {
                code |= try reader.take(1)
                let count = counts[length]
                if code - count < first { return symbols[index + code - first] }
                index += count
                first = (first + count) << 1
                code <<= 1
            }
            throw Failure(reason: "an unknown code")
        }
    }

    private static let lengthBases = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ]
    private static let lengthExtras = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ]
    private static let distanceBases = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
        6145,
        8193, 12289, 16385, 24577,
    ]
    private static let distanceExtras = [
        0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
    ]
    private static let codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    private mutating func dynamicCodes() throws -> (Codes, Codes) {
        let literals = try take(5) + 257
        let distances = try take(5) + 1
        let count = try take(4) + 4
        var lengths = [Int](repeating: 0, count: 19)
        for index in 0..<count { lengths[Self.codeOrder[index]] = try take(3) }
        let codes = try Codes(lengths: lengths)
        var all: [Int] = []
        while all.count < literals + distances {
            let symbol = try codes.read(&self)
            switch symbol {
            case 0..<16: all.append(symbol)
            case 16:
                guard let last = all.last else { throw Failure(reason: "nothing to repeat") }
                all += [Int](repeating: last, count: try take(2) + 3)
            case 17: all += [Int](repeating: 0, count: try take(3) + 3)
            default: all += [Int](repeating: 0, count: try take(7) + 11)
            }
        }
        guard all.count == literals + distances else { throw Failure(reason: "too many code lengths") }
        return (try Codes(lengths: Array(all[..<literals])), try Codes(lengths: Array(all[literals...])))
    }

    // MARK: Reading

    /// The next bytes; nil at the end.
    mutating func read() throws -> [UInt8]? {
        while window.count - given < Self.piece {
            switch state {
            case .header:
                guard let first = try byte() else {
                    state = .end
                    continue
                }
                try header(first)
                state = .block
            case .block:
                isLast = try take(1) == 1
                switch try take(2) {
                case 0:
                    alignToByte()
                    let length = try take(16)
                    guard try take(16) == length ^ 0xFFFF else { throw Failure(reason: "a block's length is wrong") }
                    state = .stored(length)
                case 1:
                    let lengths = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
                    state = .codes(try Codes(lengths: lengths), try Codes(lengths: [Int](repeating: 5, count: 30)))
                case 2:
                    let (literals, distances) = try dynamicCodes()
                    state = .codes(literals, distances)
                default: throw Failure(reason: "an unknown kind of block")
                }
            case .stored(let rest):
                let count = min(rest, Self.piece)
                for _ in 0..<count { window.append(UInt8(truncatingIfNeeded: try take(8))) }
                state = rest == count ? afterBlock : .stored(rest - count)
            case .codes(let literals, let distances):
                if try decode(literals, distances) { state = afterBlock }
            case .trailer:
                alignToByte()
                sum()
                guard try take(32) == Int(crc.value) else { throw Failure(reason: "the checksum is wrong") }
                guard try take(32) == total & 0xFFFF_FFFF else { throw Failure(reason: "the length is wrong") }
                state = .header
            case .end:
                return piece()
            }
        }
        return piece()
    }

    private var isLast = false
    private var crc = CRC32()
    /// Up to where of the window the checksum is.
    private var summed = 0
    /// How much came of this member before the window's beginning; below zero where the window begins before it.
    private var dropped = 0
    private var total: Int { dropped + window.count }
    private var afterBlock: State { isLast ? .trailer : .block }

    private mutating func sum() {
        crc.update(window[summed...])
        summed = window.count
    }

    private mutating func piece() -> [UInt8]? {
        guard given < window.count else { return nil }
        sum()
        let result = Array(window[given...])
        // What a later match may point to stays.
        let surplus = max(window.count - 32768, 0)
        window.removeFirst(surplus)
        dropped += surplus
        (given, summed) = (window.count, window.count)
        return result
    }

    private mutating func header(_ first: UInt8) throws {
        var rest: [UInt8] = [first]
        while rest.count < 10 {
            guard let byte = try byte() else { throw Failure(reason: "the data ends too early") }
            rest.append(byte)
        }
        guard rest[0] == 0x1F, rest[1] == 0x8B, rest[2] == 8 else { throw Failure(reason: "this is no gzip") }
        if rest[3] & 4 != 0 { for _ in 0..<(try take(16)) { _ = try take(8) } }
        for flag: UInt8 in [8, 16] where rest[3] & flag != 0 {
            while try take(8) != 0 {}
        }
        if rest[3] & 2 != 0 { _ = try take(16) }
        crc = CRC32()
        dropped = -window.count
    }

    /// Decodes until the block ends (true) or enough is there.
    private mutating func decode(_ literals: Codes, _ distances: Codes) throws -> Bool {
        while window.count - given < Self.piece {
            let symbol = try literals.read(&self)
            if symbol < 256 {
                window.append(UInt8(symbol))
                continue
            }
            if symbol == 256 { return true }
            guard symbol - 257 < Self.lengthBases.count else { throw Failure(reason: "an unknown length") }
            let length = Self.lengthBases[symbol - 257] + (try take(Self.lengthExtras[symbol - 257]))
            let code = try distances.read(&self)
            guard code < Self.distanceBases.count else { throw Failure(reason: "an unknown distance") }
            let distance = Self.distanceBases[code] + (try take(Self.distanceExtras[code]))
            guard distance <= window.count, distance <= total else { throw Failure(reason: "a distance is too far") }
            let start = window.count - distance
            for index in 0..<length { window.append(window[start + index]) }
        }
        return false
    }
}

import COSSChecksum
import OSSChecksum
import Testing

@Suite struct CRC64Tests {
    /// Bit by bit, from the definition.
    private func reference(_ bytes: some Sequence<UInt8>, _ crc: UInt64 = 0) -> UInt64 {
        var state = ~crc
        for byte in bytes {
            state ^= UInt64(byte)
            for _ in 0..<8 {
                state = (state >> 1) ^ (state & 1 == 0 ? 0 : 0xC96C_5795_D787_0F42)
            }
        }
        return ~state
    }

    private func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 24)
        }
    }

    @Test func checkValue() {
        #expect(CRC64.checksum(of: Array("123456789".utf8)) == 11_051_210_869_376_104_954)
        #expect(CRC64.checksum(of: Array("123456789".utf8)) == 0x995D_C9BB_DF19_39FA)
        #expect(CRC64.checksum(of: []) == 0)
        #expect(CRC64(7).value == 7)
    }

    @Test func allPathsAgreeAtEveryLengthAndAlignment() {
        let data = bytes(2100)
        var bitwise = [UInt64](repeating: 0, count: 2001)
        data.withUnsafeBytes { buffer in
            for offset in 0..<17 {
                var crc: UInt64 = 0
                for length in 0...2000 {
                    // The reference goes on byte by byte.
                    if length > 0 { crc = reference(CollectionOfOne(buffer[offset + length - 1]), crc) }
                    bitwise[length] = crc
                }
                for length in 0...2000 {
                    let slice = UnsafeRawBufferPointer(rebasing: buffer[offset..<(offset + length)])
                    let tables = coss_crc64_update_tables(0, slice.baseAddress, length)
                    let narrow = coss_crc64_update_narrow(0, slice.baseAddress, length)
                    let fastest = coss_crc64_update(0, slice.baseAddress, length)
                    if [tables, narrow, fastest] != [UInt64](repeating: bitwise[length], count: 3) {
                        Issue.record("length \(length), offset \(offset)")
                        return
                    }
                }
            }
        }
    }

    @Test func startsFromAnyValue() {
        let data = bytes(1500)
        for start in [1, UInt64.max, 0x8000_0000_0000_0000, 0x995D_C9BB_DF19_39FA] {
            for length in [0, 1, 15, 16, 127, 128, 255, 256, 257, 1500] {
                var checksum = CRC64(start)
                checksum.update(data[..<length])
                #expect(checksum.value == reference(data[..<length], start))
            }
        }
    }

    @Test func splitAnywhere() {
        let data = bytes(1200, seed: 5)
        let whole = CRC64.checksum(of: data)
        for split in 0...data.count {
            var checksum = CRC64()
            checksum.update(data[..<split])
            checksum.update(Array(data[split...]))
            guard checksum.value == whole else {
                Issue.record("split at \(split)")
                return
            }
        }
        var pieces = CRC64()
        for start in stride(from: 0, to: data.count, by: 7) {
            pieces.update(data[start..<min(start + 7, data.count)])
        }
        #expect(pieces.value == whole)
    }

    @Test func otherSequences() {
        let text = "123456789"
        var checksum = CRC64()
        checksum.update(text.utf8)
        #expect(checksum.value == 0x995D_C9BB_DF19_39FA)
        var lazy = CRC64()
        lazy.update(text.utf8.lazy.map { $0 })
        #expect(lazy.value == checksum.value)
        var raw = CRC64()
        Array(text.utf8).withUnsafeBytes { raw.update($0) }
        #expect(raw == checksum)
        raw.update(UnsafeRawBufferPointer(start: nil, count: 0))
        #expect(raw == checksum)
    }

    @Test func combine() {
        #expect(
            CRC64.combine(6_748_440_630_437_108_969, 10_278_880_121_275_185_425, secondLength: 4)
                == 11_051_210_869_376_104_954)
        let data = bytes(5000, seed: 9)
        let whole = CRC64.checksum(of: data)
        for split in stride(from: 0, through: data.count, by: 13) {
            let first = CRC64.checksum(of: Array(data[..<split]))
            let second = CRC64.checksum(of: Array(data[split...]))
            #expect(CRC64.combine(first, second, secondLength: UInt64(data.count - split)) == whole)
        }
        #expect(CRC64.combine(42, 0, secondLength: 0) == 42)
        // A length beyond memory: the same as twice half of it, over zeros.
        let half = CRC64.combine(CRC64.combine(42, 0, secondLength: 1 << 40), 0, secondLength: 1 << 40)
        #expect(CRC64.combine(42, 0, secondLength: 1 << 41) == half)
    }

    @Test func fromManyThreads() async {
        let data = bytes(100_000)
        let expected = reference(data)
        await withTaskGroup(of: UInt64.self) { group in
            for _ in 0..<16 { group.addTask { CRC64.checksum(of: data) } }
            for await value in group { #expect(value == expected) }
        }
    }
}

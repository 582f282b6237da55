import NIOCore

/// Writes gzip (RFC 1952) with stored blocks: as long as before, but what every reader of gzip takes.
struct GzipWriter {
    private var crc = CRC32()
    private var size: UInt32 = 0
    private var isBegun = false

    mutating func write(_ bytes: ByteBuffer) -> ByteBuffer {
        var result = ByteBuffer()
        if !isBegun { result.writeBytes(Self.header) }
        isBegun = true
        crc.update(bytes.readableBytesView)
        size &+= UInt32(truncatingIfNeeded: bytes.readableBytes)
        var rest = bytes
        while let block = rest.readSlice(length: min(rest.readableBytes, 65535)), block.readableBytes > 0 {
            Self.writeBlock(block, isLast: false, to: &result)
        }
        return result
    }

    mutating func finish() -> ByteBuffer {
        var result = ByteBuffer()
        if !isBegun { result.writeBytes(Self.header) }
        Self.writeBlock(ByteBuffer(), isLast: true, to: &result)
        result.writeInteger(crc.value, endianness: .little)
        result.writeInteger(size, endianness: .little)
        return result
    }

    /// Deflate, no flags, no time, no hint, unknown system.
    private static let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]

    private static func writeBlock(_ block: ByteBuffer, isLast: Bool, to result: inout ByteBuffer) {
        let length = UInt16(truncatingIfNeeded: block.readableBytes)
        result.writeInteger(UInt8(isLast ? 1 : 0))
        result.writeInteger(length, endianness: .little)
        result.writeInteger(~length, endianness: .little)
        result.writeImmutableBuffer(block)
    }
}

import NIOCore

/// The frames that an answer of SelectObject consists of: version, type, payload's length, header's checksum, payload,
/// payload's checksum; numbers big endian.
enum SelectFrame {
    private static let version: UInt32 = 1 << 24

    static func data(_ bytes: [UInt8], scanned: Int64) -> ByteBuffer {
        frame(0x80_0001) { payload in
            payload.writeInteger(scanned)
            payload.writeBytes(bytes)
        }
    }

    static func end(scanned: Int64, status: UInt32, message: String) -> ByteBuffer {
        frame(0x80_0005) { payload in
            payload.writeInteger(scanned)
            payload.writeInteger(scanned)
            payload.writeInteger(status)
            payload.writeString(message)
        }
    }

    /// - Parameter columns: nil for JSON.
    static func metaEnd(scanned: Int64, rows: Int64, columns: Int?, status: UInt32, message: String) -> ByteBuffer {
        frame(columns == nil ? 0x80_0007 : 0x80_0006) { payload in
            payload.writeInteger(scanned)
            payload.writeInteger(scanned)
            payload.writeInteger(status)
            payload.writeInteger(UInt32(1))
            payload.writeInteger(rows)
            if let columns { payload.writeInteger(UInt32(clamping: columns)) }
            payload.writeString(message)
        }
    }

    private static func frame(_ type: UInt32, _ write: (inout ByteBuffer) -> Void) -> ByteBuffer {
        var payload = ByteBuffer()
        write(&payload)
        var result = ByteBuffer()
        result.writeInteger(version | type)
        result.writeInteger(UInt32(clamping: payload.readableBytes))
        result.writeInteger(UInt32(0))
        var crc = CRC32()
        crc.update(payload.readableBytesView)
        result.writeBuffer(&payload)
        result.writeInteger(crc.value)
        return result
    }
}

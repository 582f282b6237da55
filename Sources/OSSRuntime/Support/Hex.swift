/// Lower-case hexadecimal, by table.
package enum Hex {
    private static let digits: StaticString = "0123456789abcdef"

    /// Appends two digits for each byte.
    package static func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        // The table has 16 entries, and a nibble is less than 16; the digits have room for all of them.
        let table = digits.utf8Start
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bytes.count * 2) { text in
            var i = 0
            for byte in bytes {
                text.initializeElement(at: i, to: table[Int(byte >> 4)])
                text.initializeElement(at: i + 1, to: table[Int(byte & 0x0F)])
                i += 2
            }
            output.append(contentsOf: UnsafeBufferPointer(text))
        }
    }

    /// The digits of `bytes`.
    package static func string(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count * 2)
        // Read inside the closure only.
        bytes.withUnsafeBytes { append($0, to: &output) }
        return String(decoding: output, as: UTF8.self)
    }
}

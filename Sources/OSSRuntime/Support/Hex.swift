/// Lower-case hexadecimal, by table.
package enum Hex {
    private static let digits: StaticString = "0123456789abcdef"

    /// Appends two digits for each byte.
    package static func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        // The table has 16 entries, and a nibble is less than 16.
        let table = digits.utf8Start
        for byte in bytes {
            output.append(table[Int(byte >> 4)])
            output.append(table[Int(byte & 0x0F)])
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

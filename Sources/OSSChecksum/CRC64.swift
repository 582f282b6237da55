import COSSChecksum

/// The CRC-64/XZ checksum (ECMA-182, reflected), which the service keeps of every object.
///
/// ```swift
/// var checksum = CRC64()
/// checksum.update(firstChunk)
/// checksum.update(secondChunk)
/// checksum.value  // equals the header x-oss-hash-crc64ecma, an unsigned decimal
/// ```
///
/// It uses carry-less multiplication where the processor has it, and tables elsewhere.
public struct CRC64: Sendable, Hashable {
    /// The checksum of the bytes seen so far.
    public private(set) var value: UInt64

    /// Starts a checksum, or goes on with one.
    ///
    /// - Parameter value: The checksum of what came before; 0 for a new stream.
    public init(_ value: UInt64 = 0) {
        self.value = value
    }

    /// The checksum of `bytes`.
    public static func checksum(of bytes: [UInt8]) -> UInt64 {
        var checksum = CRC64()
        checksum.update(bytes)
        return checksum.value
    }

    /// Takes `bytes` into the checksum.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        value = coss_crc64_update(value, bytes.baseAddress, bytes.count)
    }

    /// Takes `bytes` into the checksum.
    public mutating func update(_ bytes: [UInt8]) {
        // The pointer is used for the length of the call only.
        bytes.withUnsafeBytes { update($0) }
    }

    /// Takes `bytes` into the checksum.
    public mutating func update(_ bytes: ArraySlice<UInt8>) {
        // As above.
        bytes.withUnsafeBytes { update($0) }
    }

    /// Takes any other sequence of bytes into the checksum, without copying it where it is contiguous.
    public mutating func update(_ bytes: some Sequence<UInt8>) {
        let isContiguous: Void? = bytes.withContiguousStorageIfAvailable { update(UnsafeRawBufferPointer($0)) }
        if isContiguous == nil {
            update(Array(bytes))
        }
    }

    /// The checksum of two blocks, one after the other, from the checksums of each.
    ///
    /// - Parameters:
    ///   - first: The checksum of the first block.
    ///   - second: The checksum of the second block.
    ///   - secondLength: The second block's length in bytes.
    public static func combine(_ first: UInt64, _ second: UInt64, secondLength: UInt64) -> UInt64 {
        // Bytes after a block multiply its checksum by x^8 each, modulo the polynomial.
        multiply(powerOfX8(secondLength), first) ^ second
    }

    /// x^(8 × `exponent`) modulo the polynomial, by squaring. Bit 63 is the coefficient of x^0.
    private static func powerOfX8(_ exponent: UInt64) -> UInt64 {
        var result: UInt64 = 1 << 63
        var square: UInt64 = 1 << 55
        var rest = exponent
        while rest != 0 {
            if rest & 1 != 0 {
                result = multiply(result, square)
            }
            square = multiply(square, square)
            rest >>= 1
        }
        return result
    }

    /// The product of two polynomials modulo the checksum's.
    private static func multiply(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let polynomial: UInt64 = 0xC96C_5795_D787_0F42
        var product: UInt64 = 0
        var shifted = b
        var rest = a
        while rest != 0 {
            product ^= shifted & (0 &- (rest >> 63))
            rest <<= 1
            shifted = (shifted >> 1) ^ (polynomial & (0 &- (shifted & 1)))
        }
        return product
    }
}

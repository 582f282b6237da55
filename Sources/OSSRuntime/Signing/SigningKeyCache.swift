import Crypto

/// HMAC-SHA-256 with one key, for many messages.
///
/// It keeps both hashes with the key already taken in, which halves the work for a short message. It also calls
/// nothing generic: `HMAC<SHA256>` is not specialised outside of its module.
struct SigningKey: Sendable {
    private var inner = SHA256()
    private var outer = SHA256()

    /// - Parameter key: Of any length.
    init(_ key: [UInt8]) {
        var block = [UInt8](repeating: 0x36, count: 64)
        let key = key.count <= 64 ? key : Array(SHA256.hash(data: key))
        for (i, byte) in key.enumerated() { block[i] ^= byte }
        // Read inside the closures only, here and below.
        block.withUnsafeBytes { inner.update(bufferPointer: $0) }
        for i in block.indices { block[i] ^= 0x36 ^ 0x5C }
        block.withUnsafeBytes { outer.update(bufferPointer: $0) }
    }

    func authenticationCode(for message: UnsafeRawBufferPointer) -> SHA256Digest {
        var inner = inner
        inner.update(bufferPointer: message)
        var outer = outer
        inner.finalize().withUnsafeBytes { outer.update(bufferPointer: $0) }
        return outer.finalize()
    }
}

/// Keeps the last few V4 signing keys: deriving one costs several times what the signature itself does.
final class SigningKeyCache: Sendable {
    private struct Entry {
        /// `yyyyMMdd`, eight ASCII digits.
        var day: UInt64
        var region: String
        var product: String
        var secret: String
        var key: SigningKey
    }

    // One client has one region and one secret at a time. More are there around midnight, when a token is renewed,
    // and with two products.
    private static let capacity = 8

    private let entries = Locked<[Entry]>([])

    /// The signing key.
    ///
    /// - Parameter day: The eight ASCII digits `yyyyMMdd`, as they lie in memory.
    func key(day: UInt64, region: String, product: String, secret: String) -> SigningKey {
        let known: SigningKey? = entries.withLock { entries in
            for entry in entries
            where entry.day == day && entry.secret == secret && entry.region == region && entry.product == product {
                return entry.key
            }
            return nil
        }
        if let known { return known }
        // Derived outside the lock; two threads that do it at once get the same.
        let key = Self.derive(day: day, region: region, product: product, secret: secret)
        entries.withLock { entries in
            if entries.count == Self.capacity { entries.removeFirst() }
            entries.append(Entry(day: day, region: region, product: product, secret: secret, key: key))
        }
        return key
    }

    private static func derive(day: UInt64, region: String, product: String, secret: String) -> SigningKey {
        let dayDigits = withUnsafeBytes(of: day) { Array($0) }
        var key = SigningKey(Array("aliyun_v4".utf8) + Array(secret.utf8))
        for part in [dayDigits, Array(region.utf8), Array(product.utf8), Array("aliyun_v4_request".utf8)] {
            key = SigningKey(part.withUnsafeBytes { Array(key.authenticationCode(for: $0)) })
        }
        return key
    }
}

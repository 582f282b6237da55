import Crypto
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Keeps the last few V4 signing keys: deriving one costs four HMACs, three times what the signature itself does.
///
/// A key is kept as an HMAC that has taken it in already, which saves hashing it for every signature.
final class SigningKeyCache: Sendable {
    private struct Entry {
        /// `yyyyMMdd`, eight ASCII digits.
        var day: UInt64
        var region: String
        var product: String
        var secret: String
        var prototype: HMAC<SHA256>
    }

    // One client has one region and one secret at a time. More are there around midnight, when a token is renewed,
    // and with two products.
    private static let capacity = 8

    private let entries = Mutex<[Entry]>([])

    /// An HMAC that holds the signing key.
    ///
    /// - Parameter day: The eight ASCII digits `yyyyMMdd`, as they lie in memory.
    func authenticator(day: UInt64, region: String, product: String, secret: String) -> HMAC<SHA256> {
        let known = entries.withLock { entries in
            entries.first {
                $0.day == day && $0.secret == secret && $0.region == region && $0.product == product
            }?.prototype
        }
        if let known { return known }
        // Derived outside the lock; two threads that do it at once get the same.
        let prototype = Self.derive(day: day, region: region, product: product, secret: secret)
        let entry = Entry(day: day, region: region, product: product, secret: secret, prototype: prototype)
        entries.withLock { entries in
            if entries.count == Self.capacity { entries.removeFirst() }
            entries.append(entry)
        }
        return prototype
    }

    private static func derive(day: UInt64, region: String, product: String, secret: String) -> HMAC<SHA256> {
        let dayDigits = withUnsafeBytes(of: day) { Array($0) }
        var key = SymmetricKey(data: Array("aliyun_v4".utf8) + Array(secret.utf8))
        for part in [dayDigits, Array(region.utf8), Array(product.utf8), Array("aliyun_v4_request".utf8)] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: part, using: key))
        }
        return HMAC<SHA256>(key: key)
    }
}

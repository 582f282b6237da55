public import HTTPTypes

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// Until when a presigned URL is valid.
public struct PresignExpiry: Sendable, Hashable {
    enum Kind: Hashable {
        case after(Duration), at(Date)
    }

    let kind: Kind

    /// For a time from now on: at least a second, and at most 7 days with signature version 4.
    public static func after(_ duration: Duration) -> PresignExpiry { PresignExpiry(kind: .after(duration)) }

    /// Until a moment: in the future, and at most 7 days ahead with signature version 4.
    public static func at(_ date: Date) -> PresignExpiry { PresignExpiry(kind: .at(date)) }

    /// Far beyond what any server takes, and far from what a number can't hold.
    private static let maximum: Int64 = 1_000_000_000_000

    /// The whole seconds from `now` on.
    func seconds(from now: Date) -> Int {
        switch kind {
        case .after(let duration): Int(clamping: min(duration.components.seconds, Self.maximum))
        // A URL that ends a moment early does no harm; one that ends late may be against its maker's will.
        case .at(let date): Int(max(-1, min(date.timeIntervalSince(now), Double(Self.maximum))).rounded(.down))
        }
    }
}

/// A request that anyone can send until it expires, without credentials.
///
/// The signature covers ``method``, URL and header fields: a request with another method, or without one of
/// ``headers``, is refused with `SignatureDoesNotMatch`.
public struct PresignedRequest: Sendable, Hashable {
    /// The method to send it with.
    public var method: HTTPRequest.Method
    /// The URL, with the signature in its query. Whoever has it can use it: treat it like a password.
    public var url: String
    /// The header fields to send, exactly as they are; often there are none.
    public var headers: HTTPFields
    /// When it stops to be valid; earlier than asked for where the credentials end before.
    public var expiration: Date
}

extension PresignedRequest: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without the signature.
    public var description: String {
        let parts = url.split(separator: "?", maxSplits: 1)
        let query = parts.count > 1 ? Redaction.query(String(parts[1])) : ""
        return "\(method.rawValue) \(parts.first ?? "")\(query)"
    }

    public var debugDescription: String { description }

    public var customMirror: Mirror {
        Mirror(self, children: ["request": description, "expiration": expiration])
    }
}

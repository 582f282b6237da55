public import OSSRuntime

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// A condition that a form upload must meet.
public struct PostCondition: Sendable, Hashable {
    enum Kind: Hashable {
        case equals(String, String)
        case startsWith(String, String)
        case oneOf(String, [String])
        case noneOf(String, [String])
        case contentLength(ClosedRange<Int64>)
    }

    let kind: Kind

    /// The form's field has this value.
    public static func field(_ name: String, equals value: String) -> PostCondition {
        PostCondition(kind: .equals(name, value))
    }

    /// The form's field begins with this text; an empty one allows every value.
    public static func field(_ name: String, startsWith prefix: String) -> PostCondition {
        PostCondition(kind: .startsWith(name, prefix))
    }

    /// The form's field has one of these values.
    public static func field(_ name: String, isOneOf values: [String]) -> PostCondition {
        PostCondition(kind: .oneOf(name, values))
    }

    /// The form's field has none of these values.
    public static func field(_ name: String, isNoneOf values: [String]) -> PostCondition {
        PostCondition(kind: .noneOf(name, values))
    }

    /// The file has so many bytes.
    public static func contentLength(_ range: ClosedRange<Int64>) -> PostCondition {
        PostCondition(kind: .contentLength(range))
    }
}

/// What a form needs to upload a file straight to a bucket.
///
/// Send a `multipart/form-data` POST to ``url`` with ``fields`` in any order, and the file in a field `file` behind
/// all of them.
public struct PresignedPost: Sendable {
    /// Where to send the form.
    public var url: String
    /// The form's fields, names and values, without the file. They hold the signature: treat them like a password.
    public var fields: [(name: String, value: String)]
    /// When the policy stops to be valid.
    public var expiration: Date
}

extension PresignedPost: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without the values of the fields.
    public var description: String {
        "POST \(url) [\(fields.map(\.name).joined(separator: ", "))]"
    }

    public var debugDescription: String { description }

    public var customMirror: Mirror { Mirror(self, children: ["post": description]) }
}

extension OSSClient {
    /// Signs a form upload: whoever has its fields can upload one kind of object to a bucket until it expires.
    ///
    /// ```swift
    /// let post = try await client.presignPost(
    ///     bucket: "photos", key: "uploads/${filename}",
    ///     conditions: [.field("key", startsWith: "uploads/"), .contentLength(1...10_000_000)])
    /// ```
    ///
    /// [PostObject](https://www.alibabacloud.com/help/en/oss/developer-reference/postobject)
    ///
    /// - Parameters:
    ///   - bucket: The bucket.
    ///   - key: The object's key; `${filename}` in it stands for the name of the file that is uploaded.
    ///   - expires: Until when the form can be used. Default: 15 minutes from now.
    ///   - fields: Further fields of the form, such as `x-oss-object-acl`, `Content-Type` or
    ///     `success_action_status`; each must have exactly this value unless `conditions` say otherwise.
    ///   - conditions: What the form must meet beyond that. A condition about `key` replaces the one that demands
    ///     exactly `key`.
    /// - Throws: `OSSError` of kind `invalidRequest` for an expiry in the past or a malformed bucket name, of kind
    ///   `credentials` without credentials.
    public func presignPost(
        bucket: String, key: String, expires: PresignExpiry = .after(.seconds(900)), fields: [String: String] = [:],
        conditions: [PostCondition] = []
    ) async throws -> PresignedPost {
        var form = [(name: "key", value: key)]
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) { form.append((name, value)) }
        let constrained = Set(conditions.compactMap(\.field))
        var all = [PostCondition.field("bucket", equals: bucket)]
        all += form.filter { !constrained.contains($0.name.lowercased()) }.map { .field($0.name, equals: $0.value) }
        all += conditions
        let signed = try await core.post(bucket: bucket, expires: expires) { end, signing in
            PostPolicy.base64(end, all + signing.map { .field($0.0, equals: $0.1) })
        }
        return PresignedPost(
            url: signed.url, fields: form + signed.fields.map { (name: $0.0, value: $0.1) },
            expiration: signed.expiration)
    }
}

extension PostCondition {
    /// The field it is about, in lower case.
    fileprivate var field: String? {
        switch kind {
        case .equals(let name, _), .startsWith(let name, _), .oneOf(let name, _), .noneOf(let name, _):
            name.lowercased()
        case .contentLength: nil
        }
    }
}

/// The JSON of a policy. Written by hand, since the order of its parts is nobody's business but must not vary.
private enum PostPolicy {
    static func base64(_ expiration: Date, _ conditions: [PostCondition]) -> String {
        let end = Timestamps.string(
            Date(timeIntervalSince1970: expiration.timeIntervalSince1970.rounded(.down)), .dateTime)
        let list = conditions.map { text($0) }.joined(separator: ",")
        let json = #"{"expiration":"\#(end.dropLast()).000Z","conditions":[\#(list)]}"#
        return Data(json.utf8).base64EncodedString()
    }

    private static func text(_ condition: PostCondition) -> String {
        switch condition.kind {
        case .equals(let name, let value): "[\"eq\",\(quoted("$" + name)),\(quoted(value))]"
        case .startsWith(let name, let value): "[\"starts-with\",\(quoted("$" + name)),\(quoted(value))]"
        case .oneOf(let name, let values): "[\"in\",\(quoted("$" + name)),\(list(values))]"
        case .noneOf(let name, let values): "[\"not-in\",\(quoted("$" + name)),\(list(values))]"
        case .contentLength(let range): "[\"content-length-range\",\(range.lowerBound),\(range.upperBound)]"
        }
    }

    private static func list(_ values: [String]) -> String {
        "[\(values.map { quoted($0) }.joined(separator: ","))]"
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

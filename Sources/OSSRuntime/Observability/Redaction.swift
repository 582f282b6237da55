import HTTPTypes

/// Keeps signatures, credentials and tokens out of errors and logs.
package enum Redaction {
    private static let secretQueryKeys: Set<String> = [
        "x-oss-signature", "x-oss-credential", "x-oss-security-token", "signature", "ossaccesskeyid", "security-token",
    ]
    private static let secretHeaders: Set<String> = [
        "authorization", "proxy-authorization", "x-oss-security-token", "security-token", "cookie",
    ]

    /// The query with its question mark, the values of secret keys replaced; empty for an empty one.
    package static func query(_ raw: String) -> String {
        guard !raw.isEmpty else { return "" }
        guard raw.utf8.contains(UInt8(ascii: "=")) else { return "?" + raw }
        let pairs = raw.split(separator: "&").map { pair -> Substring in
            guard let end = pair.firstIndex(of: "="), secretQueryKeys.contains(pair[..<end].lowercased()) else {
                return pair
            }
            return pair[...end] + "***"
        }
        return "?" + pairs.joined(separator: "&")
    }

    /// One line of all fields, the values of secret ones replaced.
    static func headers(_ fields: HTTPFields) -> String {
        fields.map { "\($0.name): \(secretHeaders.contains($0.name.canonicalName) ? "***" : $0.value)" }.joined(
            separator: "; ")
    }
}

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// An access key, and the token that belongs to it if it is temporary.
///
/// The secret and the token are not shown by `description`, `debugDescription`, `dump` or a mirror.
public struct Credentials: Sendable, Hashable {
    /// The access key's id.
    public var accessKeyID: String
    /// The access key's secret.
    public var accessKeySecret: String
    /// The token of temporary credentials.
    public var securityToken: String?
    /// When temporary credentials stop to be valid.
    public var expiration: Date?
    package private(set) var isAnonymous = false

    /// Makes credentials. An empty token is no token.
    public init(
        accessKeyID: String,
        accessKeySecret: String,
        securityToken: String? = nil,
        expiration: Date? = nil
    ) {
        self.accessKeyID = accessKeyID
        self.accessKeySecret = accessKeySecret
        self.securityToken = securityToken?.isEmpty == true ? nil : securityToken
        self.expiration = expiration
    }
}

extension Credentials {
    /// No credentials: what is sent with them is not signed.
    package static let anonymous = {
        var credentials = Credentials(accessKeyID: "", accessKeySecret: "")
        credentials.isAnonymous = true
        return credentials
    }()
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private static var redacted: String { "<redacted>" }

    public var description: String {
        var text = "Credentials(accessKeyID: \(accessKeyID), accessKeySecret: \(Credentials.redacted)"
        if securityToken != nil {
            text += ", securityToken: \(Credentials.redacted)"
        }
        if let expiration {
            text += ", expiration: \(Timestamps.string(expiration, .dateTime))"
        }
        return text + ")"
    }

    public var debugDescription: String { description }

    public var customMirror: Mirror {
        var children: KeyValuePairs<String, Any> {
            [
                "accessKeyID": accessKeyID,
                "accessKeySecret": Credentials.redacted,
                "securityToken": securityToken == nil ? "nil" : Credentials.redacted,
                "expiration": expiration as Any,
            ]
        }
        return Mirror(self, children: children, displayStyle: .struct)
    }
}

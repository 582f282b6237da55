import NIOConcurrencyHelpers

/// The keys that are accepted: those configured, and temporary ones issued while running.
final class CredentialStore: Sendable {
    /// How long after its end a temporary pair is still known, so that it is refused as expired and not as unknown.
    private static let memory: Int64 = 24 * 3600 * 1000

    private let fixed: [String: EmulatorCredential]
    private let issued = NIOLockedValueBox<[String: EmulatorCredential]>([:])

    init(_ credentials: [EmulatorCredential]) {
        fixed = Dictionary(credentials.map { ($0.accessKeyID, $0) }) { first, _ in first }
    }

    func find(_ accessKeyID: String) -> EmulatorCredential? {
        fixed[accessKeyID] ?? issued.withLockedValue { $0[accessKeyID] }
    }

    /// All that are known, by their IDs.
    var secrets: [String: String] {
        fixed.merging(issued.withLockedValue { $0 }) { first, _ in first }.mapValues(\.accessKeySecret)
    }

    /// Makes a pair of keys of an account that is good until it is removed.
    func issue(accountID: String) -> EmulatorCredential {
        let random = { Hex.encode(UInt64.random(in: 0 ... .max)) }
        let credential = EmulatorCredential(
            accessKeyID: "LTAI\(random())", accessKeySecret: random() + random(), accountID: accountID)
        issued.withLockedValue { $0[credential.accessKeyID] = credential }
        return credential
    }

    /// Takes back what was issued.
    func remove(_ accessKeyID: String) {
        issued.withLockedValue { _ = $0.removeValue(forKey: accessKeyID) }
    }

    /// Makes a temporary pair of keys of an account.
    func issue(accountID: String, validFor seconds: Int64, now: EmulatorInstant) -> EmulatorCredential {
        let random = { Hex.encode(UInt64.random(in: 0 ... .max)) }
        let credential = EmulatorCredential(
            accessKeyID: "STS.\(random())", accessKeySecret: random() + random(),
            securityToken: "token-\(random())\(random())", accountID: accountID,
            expiration: EmulatorInstant(millisecondsSince1970: now.millisecondsSince1970 + seconds * 1000))
        issued.withLockedValue { issued in
            if issued.count.isMultiple(of: 256) {
                issued = issued.filter { _, old in
                    old.expiration.map { $0.millisecondsSince1970 + Self.memory > now.millisecondsSince1970 } ?? true
                }
            }
            issued[credential.accessKeyID] = credential
        }
        return credential
    }
}

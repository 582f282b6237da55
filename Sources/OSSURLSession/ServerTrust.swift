import Foundation
import OSSRuntime

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif
#if canImport(Security)
    import Security
#endif

/// Decides whether the server of a TLS connection is to be trusted.
struct ServerTrust: Sendable {
    #if canImport(Security)
        private enum Policy: Sendable {
            case system
            case anybody
            /// Certificates in DER.
            case anchors([Data])
        }

        static let system = ServerTrust(policy: .system)

        private let policy: Policy

        private init(policy: Policy) {
            self.policy = policy
        }

        init(_ configuration: TransportConfiguration) throws {
            if configuration.insecureSkipVerify {
                policy = .anybody
            } else if let path = configuration.trustedCertificatesFile {
                policy = .anchors(try Self.certificates(inFile: path))
            } else {
                policy = .system
            }
        }

        /// What to answer to a challenge; `nil` to leave it to the system.
        func isTrusted(_ challenge: URLAuthenticationChallenge) -> (Bool, URLCredential?)? {
            guard let trust = challenge.protectionSpace.serverTrust else { return nil }
            switch policy {
            case .system:
                return nil
            case .anybody:
                return (true, URLCredential(trust: trust))
            case .anchors(let certificates):
                let anchors = certificates.compactMap { SecCertificateCreateWithData(nil, $0 as CFData) }
                SecTrustSetAnchorCertificates(trust, anchors as CFArray)
                SecTrustSetAnchorCertificatesOnly(trust, true)
                return (SecTrustEvaluateWithError(trust, nil), URLCredential(trust: trust))
            }
        }
    #else
        static let system = ServerTrust()

        private init() {}

        init(_ configuration: TransportConfiguration) throws {
            // Nothing that can be configured: see SessionPool.check.
            self = .system
        }
    #endif

    /// The certificates of a PEM file, in DER.
    ///
    /// - Throws: `OSSError` of kind `invalidConfiguration` that names the file.
    static func certificates(inFile path: String) throws -> [Data] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw OSSError(.invalidConfiguration, message: "trustedCertificatesFile '\(path)' can't be read")
        }
        let certificates = text.components(separatedBy: "-----BEGIN CERTIFICATE-----").dropFirst().compactMap { part in
            part.components(separatedBy: "-----END CERTIFICATE-----").first
                .flatMap { Data(base64Encoded: $0, options: .ignoreUnknownCharacters) }
        }
        guard !certificates.isEmpty else {
            throw OSSError(
                .invalidConfiguration, message: "trustedCertificatesFile '\(path)' has no certificate in PEM")
        }
        return certificates
    }
}

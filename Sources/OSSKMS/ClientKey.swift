import NIOSSL
import OSSRuntime
import _CryptoExtras

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A client key of an application access point of KMS: what an application signs its calls with.
struct ClientKey: Sendable {
    private static let maximumSize = 1 << 20

    let id: String
    private let key: _RSA.Signing.PrivateKey

    /// Reads the file that KMS gives out with a new key: `{"KeyId": …, "PrivateKeyData": …}`, where the data is a
    /// PKCS #12 archive in Base64.
    ///
    /// - Throws: `OSSError` of kind `credentials`.
    static func read(_ path: String, password: String) async throws -> ClientKey {
        let text: String
        do {
            text = try await FileIO.text(at: path, upTo: maximumSize)
        } catch let error as OSSError {
            throw OSSError(.credentials, code: .credentialsMissing, message: error.message, cause: error)
        }
        return try ClientKey(text, from: path, password: password)
    }

    private init(_ text: String, from path: String, password: String) throws(OSSError) {
        struct Document: Decodable {
            var KeyId: String
            var PrivateKeyData: String
        }
        func invalid(_ reason: String) -> OSSError {
            OSSError(.credentials, message: "the client key file \(path) \(reason)")
        }
        // The errors of what reads it are left out: they may show what it holds.
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(text.utf8)), !document.KeyId.isEmpty
        else { throw invalid("is no JSON document with KeyId and PrivateKeyData") }
        guard let archive = Data(base64Encoded: document.PrivateKeyData, options: .ignoreUnknownCharacters),
            !archive.isEmpty
        else { throw invalid("has a PrivateKeyData that is not Base64") }
        // NIOSSL ends the process where one of the two is missing.
        guard Self.mayHoldKeyAndCertificate(archive) else { throw invalid("holds a private key without a certificate") }
        let bundle: NIOSSLPKCS12Bundle
        do {
            bundle = try NIOSSLPKCS12Bundle(buffer: Array(archive), passphrase: Array(password.utf8))
        } catch {
            throw invalid("can't be opened: the password is wrong, or PrivateKeyData is no PKCS #12 archive")
        }
        guard let bytes = try? bundle.privateKey.derBytes,
            let key = try? _RSA.Signing.PrivateKey(derRepresentation: bytes)
        else { throw invalid("holds no RSA key of at least 2048 bits") }
        id = document.KeyId
        self.key = key
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256, in Base64.
    func signature(of text: String) throws(OSSError) -> String {
        do {
            return try key.signature(for: Data(text.utf8), padding: .insecurePKCS1v1_5).rawRepresentation
                .base64EncodedString()
        } catch {
            throw OSSError(.credentials, message: "the client key \(id) can't sign", cause: error)
        }
    }

    /// False for a PKCS #12 archive of only one part: key and certificate stand in one each. What can't be taken apart
    /// here is left to those who can.
    private static func mayHoldKeyAndCertificate(_ archive: Data) -> Bool {
        /// The contents of the first element, and what follows it.
        func first(_ bytes: ArraySlice<UInt8>?) -> (contents: ArraySlice<UInt8>, rest: ArraySlice<UInt8>)? {
            guard var rest = bytes?.dropFirst(), let short = rest.popFirst(), short != 0x80 else { return nil }
            var length = Int(short)
            if short > 0x80 {
                guard short <= 0x83, rest.count >= short & 0x7F else { return nil }
                length = rest.prefix(Int(short & 0x7F)).reduce(0) { $0 << 8 | Int($1) }
                rest = rest.dropFirst(Int(short & 0x7F))
            }
            guard rest.count >= length else { return nil }
            return (rest.prefix(length), rest.dropFirst(length))
        }
        // Version, then the safe: a type, and in it, wrapped twice, the sequence of parts.
        let safe = first(first(first(Array(archive)[...])?.contents)?.rest)?.contents
        let parts = first(first(first(first(safe)?.rest)?.contents)?.contents)?.contents
        guard let one = first(parts) else { return true }
        return !one.rest.isEmpty
    }
}

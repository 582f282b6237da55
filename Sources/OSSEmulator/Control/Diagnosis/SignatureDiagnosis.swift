import Crypto
import NIOHTTP1

/// Finds out what a client signed, where it isn't what the server makes of the same request: the mistakes that clients
/// make are made here too, alone and in pairs, until one gives the client's signature.
struct SignatureDiagnosis: Sendable {
    struct Candidate: Sendable {
        /// Goes on after "The client signed ".
        var mistakes: [String]
        var canonicalRequest: String?
        var stringToSign: String
    }

    /// As the server has them.
    let canonicalRequest: String?
    let stringToSign: String
    let provided: String
    /// What gives the client's signature, if anything does.
    let found: Candidate?
    /// Single mistakes that don't, for comparison.
    let others: [Candidate]

    /// - Parameters:
    ///   - secrets: those of all keys, by their IDs.
    init?(_ check: SignatureCheck, _ head: HTTPRequestHead, secrets: [String: String]) {
        guard let toSign = check.stringToSign, let provided = check.providedSignature, let id = check.accessKeyID,
            let secret = secrets[id]
        else { return nil }
        let keys = SigningSecrets(id: id, secret: secret, all: secrets)
        switch check.scheme {
        case .v4Header, .v4Query:
            guard let canonical = check.canonicalRequest,
                let attempt = AttemptV4(canonicalRequest: canonical, stringToSign: toSign, secret: secret)
            else { return nil }
            self.init(attempt, attempt.mistakes(head) + keys.mistakes(), provided)
        case .v1Header, .v1Query, .v2Header, .v2Query:
            let isVersion2 = check.scheme == .v2Header || check.scheme == .v2Query
            guard let attempt = AttemptV1(stringToSign: toSign, secret: secret, isVersion2: isVersion2) else {
                return nil
            }
            self.init(attempt, attempt.mistakes(head) + keys.mistakes(), provided)
        default: return nil
        }
    }

    private init<Attempt: SigningAttempt>(_ attempt: Attempt, _ mistakes: [Mistake<Attempt>], _ provided: String) {
        canonicalRequest = attempt.canonicalRequest
        stringToSign = attempt.stringToSign
        self.provided = provided
        var seen: Set<String> = [attempt.identity]
        var singles: [(mistake: Mistake<Attempt>, attempt: Attempt)] = []
        for mistake in mistakes {
            var changed = attempt
            mistake.make(&changed)
            if seen.insert(changed.identity).inserted { singles.append((mistake, changed)) }
        }
        let search = Search<Attempt>(provided)
        others = singles.map { Candidate(mistakes: [$0.mistake.text], $0.attempt) }
        if let single = singles.first(where: { search.matches($0.attempt) }) {
            found = Candidate(mistakes: [single.mistake.text], single.attempt)
            return
        }
        for (index, first) in singles.enumerated() {
            for second in singles[(index + 1)...] where second.mistake.kind != first.mistake.kind {
                var changed = first.attempt
                second.mistake.make(&changed)
                if search.matches(changed) {
                    found = Candidate(mistakes: [first.mistake.text, second.mistake.text], changed)
                    return
                }
            }
        }
        found = nil
    }

    /// One sentence for people.
    var explanation: String {
        found.map { "The client signed \($0.mistakes.joined(separator: ", and "))." }
            ?? "None of \(others.count) usual mistakes, nor two of them together, gives the client's signature."
            + " The secret may be wrong, or the request was changed on its way."
    }

    var json: JSONValue {
        func texts(_ candidate: Candidate) -> JSONValue {
            [
                "mistake": .string(candidate.mistakes.joined(separator: ", and ")),
                "canonicalRequest": .optional(candidate.canonicalRequest.map(Redaction.token)),
                "stringToSign": .string(Redaction.token(candidate.stringToSign)),
            ]
        }
        return [
            "explanation": .string(explanation), "signature": .string(provided),
            "canonicalRequest": .optional(canonicalRequest.map(Redaction.token)),
            "stringToSign": .string(Redaction.token(stringToSign)), "client": found.map(texts) ?? .null,
            "others": .array(others.map(texts)),
        ]
    }
}

extension Redaction {
    /// Takes a security token out of what was signed.
    static func token(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            if line.hasPrefix("x-oss-security-token:") { return "x-oss-security-token:***" }
            guard line.contains("security-token=") else { return String(line) }
            let mark = line.lastIndex(of: "?").map { line.index(after: $0) } ?? line.startIndex
            let pairs = line[mark...].split(separator: "&", omittingEmptySubsequences: false).map { pair in
                pair.hasPrefix("security-token=") || pair.hasPrefix("x-oss-security-token=")
                    ? "\(pair.prefix { $0 != "=" })=***" : String(pair)
            }
            return line[..<mark] + pairs.joined(separator: "&")
        }.joined(separator: "\n")
    }
}

extension SignatureDiagnosis.Candidate {
    fileprivate init(mistakes: [String], _ attempt: some SigningAttempt) {
        self.mistakes = mistakes
        canonicalRequest = attempt.canonicalRequest
        stringToSign = attempt.stringToSign
    }
}

// MARK: - Trying

/// All that goes into a signature.
protocol SigningAttempt: Sendable {
    var canonicalRequest: String? { get }
    var stringToSign: String { get }
    var secret: String { get set }
    var method: String { get set }
    /// All that the key is derived from.
    var keyParts: [String] { get }
    static func key(_ parts: [String]) -> SymmetricKey
    func signature(_ key: SymmetricKey) -> [UInt8]
}

extension SigningAttempt {
    /// Two attempts of one identity give the same signature.
    var identity: String { ([stringToSign] + keyParts).joined(separator: "\u{0}") }
}

enum MistakeKind {
    case method, path, query, headers, additional, payload, date, scope, secret, form
}

struct Mistake<Attempt: SigningAttempt>: Sendable {
    var kind: MistakeKind
    var text: String
    var make: @Sendable (inout Attempt) -> Void

    init(_ kind: MistakeKind, _ text: String, _ make: @escaping @Sendable (inout Attempt) -> Void) {
        self.kind = kind
        self.text = text
        self.make = make
    }
}

/// Compares signatures; keys are derived once.
private final class Search<Attempt: SigningAttempt> {
    private let provided: Set<[UInt8]>
    private var keys: [[String]: SymmetricKey] = [:]

    init(_ provided: String) {
        // Whichever way it was written down: hex instead of Base64 is a mistake of its own.
        self.provided = Set([Hex.decode(provided), Base64.decode(provided)].compactMap { $0 })
    }

    func matches(_ attempt: Attempt) -> Bool {
        let parts = attempt.keyParts
        let key = keys[parts] ?? Attempt.key(parts)
        keys[parts] = key
        return provided.contains(attempt.signature(key))
    }
}

/// Mistakes with the key, which all versions share.
private struct SigningSecrets {
    var id: String
    var secret: String
    var all: [String: String]

    func mistakes<Attempt: SigningAttempt>() -> [Mistake<Attempt>] {
        var variants: [(String, String)] = [
            ("with a line feed after the secret", secret + "\n"), ("with CR and LF after the secret", secret + "\r\n"),
            ("with a space after the secret", secret + " "), ("with a space before the secret", " " + secret),
            ("with the secret in double quotes", "\"\(secret)\""), ("with the secret in single quotes", "'\(secret)'"),
            ("with the access key ID for the secret", id), ("with an empty secret", ""),
            ("with the secret percent-encoded", Percent.encode(secret)),
            ("with an ampersand after the secret", secret + "&"),
            ("with the secret in lower case", secret.lowercased()),
        ]
        for (other, secret) in all.sorted(by: { $0.key < $1.key }) where other != id {
            variants.append(("with the secret of another key, \(other)", secret))
        }
        return variants.map { text, secret in Mistake(.secret, text) { $0.secret = secret } }
            + ["GET", "PUT", "POST", "HEAD", "DELETE", "OPTIONS"].map { method in
                Mistake(.method, "with the method \(method)") { $0.method = method }
            } + [Mistake(.method, "with the method in lower case") { $0.method = $0.method.lowercased() }]
    }
}

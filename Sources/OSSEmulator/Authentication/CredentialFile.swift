extension EmulatorCredential {
    private static let maximumSize: Int64 = 1 << 20

    /// Reads pairs of keys from a file: one pair in a line, as words `name=value` with blanks between them.
    ///
    ///     # the first pair is the one that the emulator says when it starts
    ///     accessKeyId=alice-1 accessKeySecret=s3cret accountId=1001
    ///     accessKeyId=bob-1 accessKeySecret=an0ther accountId=1002
    ///     accessKeyId=STS.x accessKeySecret=t3mporary accountId=1002 securityToken=t0ken expiration=2030-01-01T00:00:00Z
    ///
    /// Empty lines, and lines that begin with `#`, say nothing. `accountId` is the number of the account that owns what
    /// is made with the pair; pairs may share one, and without it a pair belongs to the account of
    /// ``EmulatorCredential/standard``. A pair with a `securityToken` is temporary: requests must carry the token, and
    /// an `expiration` may end it.
    ///
    /// - Throws: what is wrong, with the file and the line, but without anything that stands there.
    public static func read(file path: String) throws(EmulatorError) -> [EmulatorCredential] {
        guard let size = Files.size(path) else {
            throw EmulatorError(description: "\(path): there is no such file, or it can't be read")
        }
        guard size <= maximumSize else { throw EmulatorError(description: "\(path): the file is larger than 1 MiB") }
        let bytes: [UInt8]
        do {
            bytes = try Files.readAll(path)
        } catch {
            throw EmulatorError(description: (error as? StorageFailure)?.description ?? "\(path): \(error)")
        }
        return try parse(bytes, name: path)
    }

    static func parse(_ bytes: [UInt8], name file: String) throws(EmulatorError) -> [EmulatorCredential] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw EmulatorError(description: "\(file): the file is not UTF-8")
        }
        var credentials: [EmulatorCredential] = []
        var number = 0
        // To a Swift string the end of a line of Windows is one character.
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }) {
            number += 1
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            func failure(_ reason: String) -> EmulatorError {
                EmulatorError(description: "\(file):\(number): \(reason)")
            }
            var fields = Fields()
            for (place, word) in words.enumerated() {
                if let reason = fields.take(word) { throw failure("word \(place + 1) \(reason)") }
            }
            guard let id = fields.accessKeyID else { throw failure("accessKeyId is missing") }
            guard let secret = fields.accessKeySecret else { throw failure("accessKeySecret is missing") }
            guard !credentials.contains(where: { $0.accessKeyID == id }) else {
                throw failure("the accessKeyId is there twice")
            }
            if fields.expiration != nil, fields.securityToken == nil {
                throw failure("only a pair with a securityToken has an expiration")
            }
            credentials.append(
                EmulatorCredential(
                    accessKeyID: id, accessKeySecret: secret, securityToken: fields.securityToken,
                    accountID: fields.accountID ?? standard.accountID, expiration: fields.expiration))
        }
        guard !credentials.isEmpty else { throw EmulatorError(description: "\(file): there is no pair of keys in it") }
        return credentials
    }

    /// The words of one line.
    private struct Fields {
        var accessKeyID: String?
        var accessKeySecret: String?
        var securityToken: String?
        var accountID: String?
        var expiration: EmulatorInstant?

        /// Takes a word; says what is wrong with it, without repeating any of it: a word out of place may be a secret.
        mutating func take(_ word: Substring) -> String? {
            guard let equals = word.firstIndex(of: "=") else { return "is not of the form name=value" }
            let value = String(word[word.index(after: equals)...])
            switch word[..<equals] {
            case "accessKeyId": return Self.set(&accessKeyID, "accessKeyId", EmulatorCredential.isValidID(value), value)
            case "accessKeySecret":
                return Self.set(&accessKeySecret, "accessKeySecret", Self.isVisible(value), value)
            case "securityToken": return Self.set(&securityToken, "securityToken", Self.isVisible(value), value)
            case "accountId":
                let isNumber = (1...32).contains(value.utf8.count) && value.utf8.allSatisfy { (48...57).contains($0) }
                return Self.set(&accountID, "accountId", isNumber, value)
            case "expiration":
                let instant = EmulatorInstant(iso8601: value)
                return Self.set(&expiration, "expiration", instant != nil, instant)
            default:
                return "is none of accessKeyId=, accessKeySecret=, securityToken=, accountId= and expiration="
            }
        }

        private static func set<Value>(_ field: inout Value?, _ name: String, _ isValid: Bool, _ value: Value?)
            -> String?
        {
            guard field == nil else { return "says \(name) once more" }
            guard isValid, let value else {
                switch name {
                case "accountId": return "is no accountId: that has digits only, at most 32"
                case "expiration": return "is no expiration: that looks like 2030-01-01T00:00:00Z"
                case "accessKeyId": return "is no accessKeyId: that has letters, digits and .-_ only, at most 128"
                default: return "is no \(name): that has visible ASCII characters only, and at least one"
                }
            }
            field = value
            return nil
        }

        private static func isVisible(_ text: String) -> Bool {
            !text.isEmpty && text.utf8.allSatisfy { (33...126).contains($0) }
        }
    }

    /// Whether an access key ID can stand in an Authorization header of any version.
    private static func isValidID(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

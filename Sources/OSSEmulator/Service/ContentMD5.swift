import Crypto

/// The `Content-MD5` that a request announces.
struct ContentMD5 {
    let text: String
    let digest: [UInt8]

    init?(_ request: Request) throws(Fault) {
        guard let text = request.nonEmptyHeader("content-md5") else { return nil }
        guard let digest = Base64.decode(text), digest.count == 16 else {
            throw .invalidDigest(provided: text, calculated: nil)
        }
        self.text = text
        self.digest = digest
    }

    func check(_ calculated: [UInt8]) throws(Fault) {
        guard calculated == digest else { throw .invalidDigest(provided: text, calculated: Base64.encode(calculated)) }
    }

    static func digest(of bytes: [UInt8]) -> [UInt8] {
        Array(Insecure.MD5.hash(data: bytes))
    }
}

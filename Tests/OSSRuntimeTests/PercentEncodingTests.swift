import OSSRuntime
import Testing

@Suite struct PercentEncodingTests {
    static let unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

    @Test(arguments: [
        ("", "", ""),
        (unreserved, unreserved, unreserved),
        (
            " !@#$%^&*()_+-=;'><,?.txt", "%20%21%40%23%24%25%5E%26%2A%28%29_%2B-%3D%3B%27%3E%3C%2C%3F.txt",
            "%20%21%40%23%24%25%5E%26%2A%28%29_%2B-%3D%3B%27%3E%3C%2C%3F.txt"
        ),
        ("a//b", "a//b", "a%2F%2Fb"),
        ("/", "/", "%2F"),
        ("a/../b/./c", "a/../b/./c", "a%2F..%2Fb%2F.%2Fc"),
        ("..", "..", ".."),
        (".hidden", ".hidden", ".hidden"),
        ("照片/图.jpg", "%E7%85%A7%E7%89%87/%E5%9B%BE.jpg", "%E7%85%A7%E7%89%87%2F%E5%9B%BE.jpg"),
        ("😀", "%F0%9F%98%80", "%F0%9F%98%80"),
        ("é", "%C3%A9", "%C3%A9"),
        ("\u{0}\t\n\u{7F}", "%00%09%0A%7F", "%00%09%0A%7F"),
        ("a%2Fb", "a%252Fb", "a%252Fb"),
        ("a+b c", "a%2Bb%20c", "a%2Bb%20c"),
        ("[]{}|\\^`\":", "%5B%5D%7B%7D%7C%5C%5E%60%22%3A", "%5B%5D%7B%7D%7C%5C%5E%60%22%3A"),
    ])
    func escapes(text: String, path: String, query: String) {
        #expect(PercentEncoding.path(text) == path)
        #expect(PercentEncoding.query(text) == query)
        #expect(PercentEncoding.decode(path) == text)
        #expect(PercentEncoding.decode(query) == text)
    }

    @Test func everyASCIIByte() {
        for byte in UInt8(0)..<0x80 {
            let text = String(UnicodeScalar(byte))
            let hex = String(byte, radix: 16, uppercase: true)
            let escape = "%" + (hex.count == 1 ? "0" : "") + hex
            let isKept = Self.unreserved.contains(text)
            #expect(PercentEncoding.query(text) == (isKept ? text : escape))
            #expect(PercentEncoding.path(text) == (isKept || text == "/" ? text : escape))
        }
    }

    @Test(arguments: [
        ("%41%4a%4A", "AJJ"), ("%", "%"), ("%4", "%4"), ("a%", "a%"), ("%zz", "%zz"), ("%4g", "%4g"), ("%%41", "%A"),
        ("100%25", "100%"), ("a+b", "a+b"), ("%E7%85%A7", "照"), ("%FF", "\u{FFFD}"), ("照%20片", "照 片"),
    ])
    func decodes(text: String, decoded: String) {
        #expect(PercentEncoding.decode(text) == decoded)
    }

    @Test func isReversibleForAnything() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            let scalars = (0..<20).compactMap { _ in
                Unicode.Scalar(UInt32.random(in: 0...(Bool.random() ? 0x7F : 0x10FFFF), using: &generator))
            }
            let text = String(String.UnicodeScalarView(scalars))
            #expect(
                PercentEncoding.decode(PercentEncoding.path(text)).unicodeScalars.elementsEqual(text.unicodeScalars))
            #expect(
                PercentEncoding.decode(PercentEncoding.query(text)).unicodeScalars.elementsEqual(text.unicodeScalars))
        }
    }
}

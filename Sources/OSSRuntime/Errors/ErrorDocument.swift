#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Makes an ``OSSError`` of an error reply, whatever is in it.
package enum ErrorDocument {
    package static func error(_ metadata: ResponseMetadata, _ body: [UInt8], now: Date) -> OSSError {
        var bytes = body
        // A reply to HEAD has no body; the service puts the document into a header.
        if bytes.isEmpty, let text = metadata.headers.value("x-oss-err"), let decoded = Data(base64Encoded: text) {
            bytes = [UInt8](decoded)
        }
        let fields = parse(bytes)
        let code = fields["Code"].flatMap { $0.isEmpty ? nil : OSSError.Code(rawValue: $0) } ?? .badErrorResponse
        var error = OSSError(.service, code: code, message: message(fields, bytes, status: metadata.status))
        error.status = metadata.status
        error.headers = metadata.headers
        error.errorFields = fields
        error.timestamp = metadata.headers.value("Date").flatMap { Timestamps.date($0, .httpDate) } ?? now
        return error
    }

    private static func message(_ fields: [String: String], _ bytes: [UInt8], status: Int) -> String {
        if let message = fields["Message"] { return message }
        if !fields.isEmpty { return "the service gave no message" }
        if bytes.isEmpty { return status == 304 ? "not modified" : "status \(status) without an error document" }
        return "status \(status) with a body that is no error document: "
            + String(decoding: bytes.prefix(256), as: UTF8.self)
    }

    /// The text of every child of the root by name; what is nested deeper is left out.
    private static func parse(_ bytes: [UInt8]) -> [String: String] {
        var fields: [String: String] = [:]
        do {
            try XMLReader.read(bytes, root: "Error") { xml in
                while let element = xml.nextElement() {
                    let name = element.description
                    if let text = xml.readStringUnlessNested(), fields[name] == nil { fields[name] = text }
                }
            }
        } catch {
            // A document cut short or with a stray byte still tells its code, if it got that far.
        }
        return fields
    }
}

extension OSSError {
    /// The server's time: from the error document, else from the Date field, unless that can't be right (some networks
    /// answer with 1970).
    package var serverTime: Date? {
        let plausible = Date(timeIntervalSince1970: 1_577_836_800)  // 2020-01-01
        let dates = [
            errorFields["ServerTime"].flatMap { Timestamps.date($0, .dateTime) },
            headers.value("Date").flatMap { Timestamps.date($0, .httpDate) },
        ]
        return dates.compactMap { $0 }.first { $0 > plausible }
    }
}

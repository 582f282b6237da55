import HTTPTypes
import SpecModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A point in time in generated tests.
package func instant(milliseconds: Int64) -> Date {
    Date(timeIntervalSince1970: Double(milliseconds) / 1000)
}

/// Bytes in generated tests; the generator has checked the text.
package func base64(_ text: String) -> [UInt8] {
    Base64.decode(text) ?? []
}

/// Header fields by their names.
package func fields(_ fields: [(String, String)]) -> HTTPFields {
    var result = HTTPFields()
    for (name, value) in fields {
        if let name = HTTPField.Name(name) { result.append(HTTPField(name: name, value: value)) }
    }
    return result
}

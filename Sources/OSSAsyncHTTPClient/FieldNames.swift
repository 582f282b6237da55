import HTTPTypes
import NIOHTTP1
import OSSRuntime

/// Remembers the names of a response's header fields: the next response mostly has the same ones in the same places, and
/// to compare a name costs a fraction of what it costs to check it and to make it lower-case.
final class FieldNames: Sendable {
    private let last = Locked<[HTTPField.Name]>([])

    /// The header fields in their common form; without those that have no valid name.
    func fields(of headers: HTTPHeaders) -> HTTPFields {
        let known = last.withLock { $0 }
        var fields = HTTPFields()
        fields.reserveCapacity(headers.count)
        var isOther = false
        for (name, value) in headers {
            let place = fields.count
            if place < known.count, known[place].rawName == name {
                fields.append(HTTPField(name: known[place], value: value))
            } else if let name = HTTPField.Name(name) {
                isOther = true
                fields.append(HTTPField(name: name, value: value))
            }
        }
        if isOther {
            let names = fields.map(\.name)
            last.withLock { $0 = names }
        }
        return fields
    }
}

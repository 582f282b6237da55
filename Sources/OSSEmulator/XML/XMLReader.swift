/// An element of a request's body.
struct XMLNode: Sendable, Equatable {
    var name: String
    var text = ""
    var children: [XMLNode] = []

    func child(_ name: String) -> XMLNode? {
        children.first { $0.name == name }
    }

    func all(_ name: String) -> [XMLNode] {
        children.filter { $0.name == name }
    }

    /// A child's text, without white space at its ends.
    func value(_ name: String) -> String? {
        child(name).map { $0.trimmedText }
    }

    var trimmedText: String {
        let blank: (UInt8) -> Bool = { $0 == 32 || (9...13).contains($0) }
        let bytes = text.utf8
        guard let first = bytes.firstIndex(where: { !blank($0) }), let last = bytes.lastIndex(where: { !blank($0) })
        else { return "" }
        return String(text[first...last])
    }
}

/// Why a body could not be read.
struct XMLFailure: Error {
    var reason: String
    var offset: Int
}

/// Reads a request body into a tree.
///
/// Strict about nesting and entities, lenient in one place on purpose: clients send keys with control characters as
/// `&#01;`, which XML 1.0 forbids and the service accepts. A document type is refused, so no entity can grow.
struct XMLReader {
    private let bytes: [UInt8]
    private var offset = 0
    private var nodes = 0
    private static let maximumDepth = 24
    private static let maximumNodes = 100_000

    static func read(_ bytes: [UInt8]) throws(XMLFailure) -> XMLNode {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw XMLFailure(reason: "not UTF-8", offset: 0)
        }
        var reader = XMLReader(bytes: bytes)
        return try reader.document()
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { offset = 3 }
    }

    private func failure(_ reason: String) -> XMLFailure {
        XMLFailure(reason: reason, offset: offset)
    }

    private var current: UInt8? {
        offset < bytes.count ? bytes[offset] : nil
    }

    private func isAt(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard offset + count <= bytes.count else { return false }
        return text.withUTF8Buffer { $0.elementsEqual(bytes[offset..<offset + count]) }
    }

    private mutating func skipBlanks() {
        while let byte = current, byte == 32 || byte == 9 || byte == 10 || byte == 13 { offset += 1 }
    }

    private mutating func skip(past end: StaticString) throws(XMLFailure) {
        while offset < bytes.count {
            if isAt(end) {
                offset += end.utf8CodeUnitCount
                return
            }
            offset += 1
        }
        throw failure("unexpected end")
    }

    /// White space, comments and processing instructions around the root.
    private mutating func skipMisc() throws(XMLFailure) {
        while true {
            skipBlanks()
            if isAt("<?") {
                try skip(past: "?>")
            } else if isAt("<!--") {
                try skip(past: "-->")
            } else {
                return
            }
        }
    }

    private mutating func document() throws(XMLFailure) -> XMLNode {
        try skipMisc()
        guard isAt("<"), !isAt("<!") else { throw failure("no root element") }
        let root = try element(depth: 0)
        try skipMisc()
        guard offset == bytes.count else { throw failure("content after the root element") }
        return root
    }

    private mutating func name() throws(XMLFailure) -> String {
        let start = offset
        while let byte = current {
            switch byte {
            case 0...32, UInt8(ascii: "/"), UInt8(ascii: ">"), UInt8(ascii: "="), UInt8(ascii: "<"), UInt8(ascii: "&"),
                UInt8(ascii: "\""), UInt8(ascii: "'"):
                guard offset > start else { throw failure("a name is missing") }
                return String(decoding: bytes[start..<offset], as: UTF8.self)
            default:
                offset += 1
            }
        }
        throw failure("unexpected end")
    }

    private static func localName(_ name: String) -> String {
        guard let colon = name.utf8.lastIndex(of: UInt8(ascii: ":")) else { return name }
        return String(name[name.utf8.index(after: colon)...])
    }

    private mutating func element(depth: Int) throws(XMLFailure) -> XMLNode {
        guard depth < Self.maximumDepth else { throw failure("nested too deeply") }
        nodes += 1
        guard nodes <= Self.maximumNodes else { throw failure("too many elements") }
        offset += 1
        let name = try name()
        var node = XMLNode(name: Self.localName(name))
        while true {
            skipBlanks()
            if isAt("/>") {
                offset += 2
                return node
            }
            if isAt(">") {
                offset += 1
                break
            }
            try attribute()
        }
        var text: [UInt8] = []
        while let byte = current {
            if byte != UInt8(ascii: "<") {
                if byte == UInt8(ascii: "&") {
                    try reference(into: &text)
                } else {
                    text.append(byte)
                    offset += 1
                }
            } else if isAt("</") {
                offset += 2
                guard try self.name() == name else { throw failure("an end tag doesn't match") }
                skipBlanks()
                guard isAt(">") else { throw failure("an end tag is broken") }
                offset += 1
                node.text = String(decoding: text, as: UTF8.self)
                return node
            } else if isAt("<!--") {
                try skip(past: "-->")
            } else if isAt("<![CDATA[") {
                offset += 9
                let start = offset
                try skip(past: "]]>")
                text.append(contentsOf: bytes[start..<(offset - 3)])
            } else if isAt("<?") {
                try skip(past: "?>")
            } else if isAt("<!") {
                throw failure("a declaration inside an element")
            } else {
                node.children.append(try element(depth: depth + 1))
            }
        }
        throw failure("unexpected end")
    }

    private mutating func attribute() throws(XMLFailure) {
        _ = try name()
        skipBlanks()
        guard isAt("=") else { throw failure("an attribute without a value") }
        offset += 1
        skipBlanks()
        guard let quote = current, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
            throw failure("an attribute without quotes")
        }
        offset += 1
        while let byte = current {
            offset += 1
            if byte == quote { return }
            if byte == UInt8(ascii: "<") { throw failure("a tag inside an attribute") }
        }
        throw failure("unexpected end")
    }

    private mutating func reference(into text: inout [UInt8]) throws(XMLFailure) {
        let start = offset + 1
        var end = start
        while end < bytes.count, bytes[end] != UInt8(ascii: ";"), end - start < 12 { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: ";") else { throw failure("a reference without its end") }
        let name = String(decoding: bytes[start..<end], as: UTF8.self)
        switch name {
        case "amp": text.append(UInt8(ascii: "&"))
        case "lt": text.append(UInt8(ascii: "<"))
        case "gt": text.append(UInt8(ascii: ">"))
        case "quot": text.append(UInt8(ascii: "\""))
        case "apos": text.append(UInt8(ascii: "'"))
        default:
            let digits = name.dropFirst(name.hasPrefix("#x") ? 2 : 1)
            let radix = name.hasPrefix("#x") ? 16 : 10
            guard name.hasPrefix("#"), !digits.isEmpty, digits.utf8.allSatisfy({ Hex.digit($0) != nil }),
                let code = UInt32(digits, radix: radix), let scalar = Unicode.Scalar(code)
            else { throw failure("an unknown entity") }
            text.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
        }
        offset = end + 1
    }
}

/// Writes the service's XML answers: no attributes, no namespaces, UTF-8.
struct XMLWriter {
    private(set) var bytes: [UInt8] = Array(#"<?xml version="1.0" encoding="UTF-8"?>"#.utf8) + [10]

    mutating func element(_ name: String, _ text: String) {
        tag(name)
        escape(text)
        tag(name, closing: true)
    }

    mutating func element(_ name: String, _ number: some BinaryInteger) {
        tag(name)
        bytes.append(contentsOf: String(number).utf8)
        tag(name, closing: true)
    }

    mutating func element(_ name: String, _ truth: Bool) {
        element(name, truth ? "true" : "false")
    }

    mutating func optional(_ name: String, _ text: String?) {
        if let text { element(name, text) }
    }

    mutating func element(_ name: String, _ content: (inout XMLWriter) -> Void) {
        tag(name)
        content(&self)
        tag(name, closing: true)
    }

    /// Writes an element that was read, as it was read.
    mutating func copy(_ node: XMLNode) {
        element(node.name) { writer in
            if node.children.isEmpty {
                writer.escape(node.text)
            } else {
                for child in node.children { writer.copy(child) }
            }
        }
    }

    private mutating func tag(_ name: String, closing: Bool = false) {
        bytes.append(UInt8(ascii: "<"))
        if closing { bytes.append(UInt8(ascii: "/")) }
        bytes.append(contentsOf: name.utf8)
        bytes.append(UInt8(ascii: ">"))
    }

    private mutating func escape(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "&"): bytes.append(contentsOf: "&amp;".utf8)
            case UInt8(ascii: "<"): bytes.append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: ">"): bytes.append(contentsOf: "&gt;".utf8)
            case UInt8(ascii: "\""): bytes.append(contentsOf: "&quot;".utf8)
            // XML 1.0 can't carry most of these even so, but the service sends them, and clients meet them.
            case 0..<32: bytes.append(contentsOf: "&#\(byte);".utf8)
            default: bytes.append(byte)
            }
        }
    }
}

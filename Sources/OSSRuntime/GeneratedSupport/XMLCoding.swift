#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// What can be written as the content of an XML element.
package protocol XMLEncodable {
    /// Writes the content; the element itself is written by the caller.
    func encode(into xml: inout XMLWriter)
}

/// What can be read from the content of an XML element.
package protocol XMLDecodable {
    /// Reads the element that `xml` stands in, to its end.
    init(from xml: inout XMLReader)
}

// Generic functions here are not specialised in other modules: `@inlinable` has no effect across modules on `package`
// declarations (Swift 6.3). Repeating them in the generated module made reading 1.2 times and writing 2.4 times as fast;
// both are fast enough without.

// MARK: - Reading

// Each of these reads the current element to its end. After an error they give nil.
extension XMLReader {
    /// The element's text, as it is; "" for an empty element.
    package mutating func readString() -> String? {
        withText { String(decoding: $0, as: UTF8.self) }
    }

    /// The element's text, percent-decoded if the reply is url-encoded.
    package mutating func readURLDecodedString() -> String? {
        decodesURLs ? withText { PercentEncoding.decode($0) } : readString()
    }

    /// An integer; nil for an empty element.
    package mutating func readInt() -> Int? {
        readScalar("an integer") { parseInteger($0) }
    }

    /// An integer; nil for an empty element.
    package mutating func readInt64() -> Int64? {
        readScalar("an integer") { parseInteger($0) }
    }

    /// `true` or `false` in any case; nil for an empty element.
    package mutating func readBool() -> Bool? {
        readScalar("true or false") { text in
            switch text.count {
            case 4 where matches(text, "true"): true
            case 5 where matches(text, "false"): false
            default: nil
            }
        }
    }

    /// A decimal number; nil for an empty element.
    package mutating func readDouble() -> Double? {
        readScalar("a number") { text in
            // Double also takes "inf", "nan" and hexadecimal.
            guard text.allSatisfy({ $0.isDigit || "+-.eE".utf8.contains($0) }) else { return nil }
            return Double(String(decoding: text, as: UTF8.self))
        }
    }

    /// A point in time; nil for an empty element.
    package mutating func readDate(_ format: TimestampFormat) -> Date? {
        readScalar("a date") { Timestamps.date($0, format) }
    }

    /// A value of an open vocabulary.
    package mutating func readEnum<Value: OpenStringEnum>() -> Value? {
        if let text = readString() { return Value(rawValue: text) }
        return nil
    }

    /// A structure.
    package mutating func read<Value: XMLDecodable>() -> Value {
        Value(from: &self)
    }

    /// What `read` makes of the child with this name; nil if there is none. Of several, the last one counts.
    ///
    /// For a member that sits deeper: `AccessControlList/Grant`.
    package mutating func readNested<Value>(
        _ name: StaticString,
        _ read: (inout XMLReader) -> Value?
    ) -> Value? {
        var value: Value?
        while let child = nextElement() {
            if name ~= child {
                value = read(&self)
            } else {
                skipElement()
            }
        }
        return value
    }

    /// A wrapped list: appends what `read` makes of each child with this name.
    package mutating func readList<Value>(
        item name: StaticString,
        into items: inout [Value],
        _ read: (inout XMLReader) -> Value?
    ) {
        while let child = nextElement() {
            if name ~= child {
                if let item = read(&self) { items.append(item) }
            } else {
                skipElement()
            }
        }
    }

    /// A wrapped list of structures.
    package mutating func readList<Value: XMLDecodable>(item name: StaticString, into items: inout [Value]) {
        readList(item: name, into: &items) { $0.read() as Value }
    }

    /// A wrapped list of values of an open vocabulary.
    package mutating func readList<Value: OpenStringEnum>(item name: StaticString, into items: inout [Value]) {
        readList(item: name, into: &items) { $0.readEnum() }
    }

    /// A wrapped list of strings.
    package mutating func readList(item name: StaticString, into items: inout [String]) {
        readList(item: name, into: &items) { $0.readString() }
    }

    /// A wrapped list of integers.
    package mutating func readList(item name: StaticString, into items: inout [Int]) {
        readList(item: name, into: &items) { $0.readInt() }
    }

    /// A wrapped list of integers.
    package mutating func readList(item name: StaticString, into items: inout [Int64]) {
        readList(item: name, into: &items) { $0.readInt64() }
    }

    /// One item of a flattened list.
    package mutating func readItem<Value: XMLDecodable>(into items: inout [Value]) {
        items.append(Value(from: &self))
    }

    /// One item of a flattened list.
    package mutating func readItem<Value: OpenStringEnum>(into items: inout [Value]) {
        if let item: Value = readEnum() { items.append(item) }
    }

    /// One item of a flattened list.
    package mutating func readItem(into items: inout [String]) {
        if let item = readString() { items.append(item) }
    }

    /// One item of a flattened list.
    package mutating func readItem(into items: inout [Int]) {
        if let item = readInt() { items.append(item) }
    }

    /// One item of a flattened list.
    package mutating func readItem(into items: inout [Int64]) {
        if let item = readInt64() { items.append(item) }
    }
}

extension XMLReader {
    private enum Scalar<Value> {
        case empty
        case value(Value)
        case malformed(String)
    }

    /// Parses the text without the white space around it; `parse` gives nil where it is malformed.
    @inline(__always)
    private mutating func readScalar<Value>(
        _ expected: StaticString,
        _ parse: (UnsafeBufferPointer<UInt8>) -> Value?
    ) -> Value? {
        // Errors point to the start tag's end.
        let position = cursor
        let scalar: Scalar<Value>? = withText { text in
            let text = trim(text)
            if text.isEmpty { return .empty }
            if let value = parse(text) { return .value(value) }
            return .malformed(String(decoding: text.prefix(40), as: UTF8.self))
        }
        switch scalar {
        case .value(let value):
            return value
        case .malformed(let text):
            failScalar(text, expected, at: position)
            return nil
        case .empty, nil:
            return nil
        }
    }

    @inline(never)
    private mutating func failScalar(_ text: String, _ expected: StaticString, at position: UnsafePointer<UInt8>) {
        // The element was left, but its name is still on the stack.
        depth += 1
        let name = currentName
        depth -= 1
        fail("<\(name)> holds \"\(text)\" where \(expected) was due", at: position)
    }
}

private func trim(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    var start = 0
    var end = text.count
    while start < end, text[start].isXMLSpace { start += 1 }
    while end > start, text[end - 1].isXMLSpace { end -= 1 }
    return UnsafeBufferPointer(rebasing: text[start..<end])
}

private func parseInteger<Value: FixedWidthInteger & SignedInteger>(_ text: UnsafeBufferPointer<UInt8>) -> Value? {
    var i = 0
    let isNegative = text[0] == .hyphen
    if isNegative || text[0] == UInt8(ascii: "+") { i = 1 }
    guard i < text.count else { return nil }
    // Negative on the way: the smallest value has no positive counterpart.
    var value: Value = 0
    while i < text.count {
        guard text[i].isDigit else { return nil }
        let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
        let (next, overflow2) = shifted.subtractingReportingOverflow(Value(text[i] & 0x0F))
        if overflow || overflow2 { return nil }
        value = next
        i += 1
    }
    if isNegative { return value }
    return value == .min ? nil : -value
}

/// Compares with lower-case letters, ignoring case.
private func matches(_ text: UnsafeBufferPointer<UInt8>, _ letters: StaticString) -> Bool {
    // The caller compared the lengths.
    for i in 0..<text.count where text[i] | 0x20 != letters.utf8Start[i] {
        return false
    }
    return true
}

// MARK: - Writing

// Nothing is written for nil.
extension XMLWriter {
    package mutating func write(_ name: StaticString, _ value: String?) {
        if let value { writeElement(name, text: value) }
    }

    package mutating func write(_ name: StaticString, _ value: Int?) {
        if let value { writeElement(name) { Decimal.write(value, to: $0) } }
    }

    package mutating func write(_ name: StaticString, _ value: Int64?) {
        if let value { writeElement(name) { Decimal.write(value, to: $0) } }
    }

    package mutating func write(_ name: StaticString, _ value: Bool?) {
        if let value { writeElement(name, text: value ? "true" : "false") }
    }

    package mutating func write(_ name: StaticString, _ value: Double?) {
        if let value { writeElement(name, text: value.description) }
    }

    package mutating func write(_ name: StaticString, _ value: Date?, _ format: TimestampFormat) {
        if let value { writeElement(name) { Timestamps.write(value, format, to: $0) } }
    }

    package mutating func write(_ name: StaticString, _ value: (some OpenStringEnum)?) {
        write(name, value?.rawValue)
    }

    /// A structure in its element.
    package mutating func write(_ name: StaticString, _ value: (some XMLEncodable)?) {
        guard let value else { return }
        startElement(name)
        value.encode(into: &self)
        endElement(name)
    }

    // A flattened list: every item in an element with this name, without a wrapper.

    package mutating func writeFlattened(_ name: StaticString, _ items: [some XMLEncodable]) {
        for item in items { write(name, item) }
    }

    package mutating func writeFlattened(_ name: StaticString, _ items: [some OpenStringEnum]) {
        for item in items { write(name, item) }
    }

    package mutating func writeFlattened(_ name: StaticString, _ items: [String]) {
        for item in items { write(name, item) }
    }

    package mutating func writeFlattened(_ name: StaticString, _ items: [Int]) {
        for item in items { write(name, item) }
    }

    package mutating func writeFlattened(_ name: StaticString, _ items: [Int64]) {
        for item in items { write(name, item) }
    }

    // A wrapped list. An empty one is left out, unless `always` asks for the wrapper.

    package mutating func writeList(
        _ name: StaticString, item: StaticString, _ items: [some XMLEncodable], always: Bool = false
    ) {
        writeList(name, items.isEmpty, always) { $0.writeFlattened(item, items) }
    }

    package mutating func writeList(
        _ name: StaticString, item: StaticString, _ items: [some OpenStringEnum], always: Bool = false
    ) {
        writeList(name, items.isEmpty, always) { $0.writeFlattened(item, items) }
    }

    package mutating func writeList(
        _ name: StaticString, item: StaticString, _ items: [String], always: Bool = false
    ) {
        writeList(name, items.isEmpty, always) { $0.writeFlattened(item, items) }
    }

    package mutating func writeList(_ name: StaticString, item: StaticString, _ items: [Int], always: Bool = false) {
        writeList(name, items.isEmpty, always) { $0.writeFlattened(item, items) }
    }

    package mutating func writeList(_ name: StaticString, item: StaticString, _ items: [Int64], always: Bool = false) {
        writeList(name, items.isEmpty, always) { $0.writeFlattened(item, items) }
    }

    package mutating func writeList(
        _ name: StaticString, _ isEmpty: Bool, _ always: Bool, _ items: (inout XMLWriter) -> Void
    ) {
        guard always || !isEmpty else { return }
        startElement(name)
        items(&self)
        endElement(name)
    }
}

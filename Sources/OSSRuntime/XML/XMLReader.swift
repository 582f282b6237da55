/// The name of an element, without its namespace prefix. Valid until the reader's closure ends.
package struct XMLName: CustomStringConvertible {
    // Points into the document, which outlives every name: names are only had from an XMLReader.
    package let start: UnsafePointer<UInt8>
    package let count: Int

    @inline(__always)
    init(start: UnsafePointer<UInt8>, count: Int) {
        self.start = start
        self.count = count
    }

    /// Compares lengths first: most cases of a `switch` over names need no more.
    package static func ~= (pattern: StaticString, name: XMLName) -> Bool {
        // A literal with letters always has a pointer; the lengths are equal when bytes are read.
        pattern.utf8CodeUnitCount == name.count && name.hasSameBytes(as: pattern)
    }

    /// Whether the name is `pattern`, which is known to be as long.
    package func hasSameBytes(as pattern: StaticString) -> Bool {
        XMLName.areEqual(pattern.utf8Start, start, count)
    }

    /// The name as a string.
    package var description: String {
        String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// Compares `count` bytes, in overlapping words.
    @inline(__always)
    static func areEqual(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        // Every load ends at or before `count`.
        let a = UnsafeRawPointer(a)
        let b = UnsafeRawPointer(b)
        if count >= 8 {
            var i = 0
            while i &+ 8 < count {
                if a.loadUnaligned(fromByteOffset: i, as: UInt64.self)
                    != b.loadUnaligned(fromByteOffset: i, as: UInt64.self)
                {
                    return false
                }
                i &+= 8
            }
            return a.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
                == b.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
        }
        if count >= 4 {
            return a.loadUnaligned(as: UInt32.self) == b.loadUnaligned(as: UInt32.self)
                && a.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
                    == b.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
        }
        if count >= 2 {
            return a.loadUnaligned(as: UInt16.self) == b.loadUnaligned(as: UInt16.self)
                && a.loadUnaligned(fromByteOffset: count &- 2, as: UInt16.self)
                    == b.loadUnaligned(fromByteOffset: count &- 2, as: UInt16.self)
        }
        return count == 0 || a.load(as: UInt8.self) == b.load(as: UInt8.self)
    }
}

/// A pull reader over the UTF-8 bytes of one XML document.
///
/// ```swift
/// let owner = try XMLReader.read(bytes, root: "Owner") { xml in Owner(from: &xml) }
/// ```
///
/// Reads don't throw. The first error is kept and stops the reader: from then on there are no more elements and every
/// read gives nil. ``read(_:root:limits:_:)`` throws it at the end.
///
/// The whole document is checked for well-formedness, also where it is skipped, with these choices:
/// - A document type declaration is refused, so there are no entities but the five predefined ones.
/// - Names are checked as in XML 1.0, fifth edition. Namespace prefixes are accepted and ignored.
/// - Character references to control characters (`&#1;`) are accepted, other than `&#0;`: object keys may hold
///   such characters, and the service has no other way to write them when it was not asked for url encoding.
///   As bytes of the document they are refused, as XML demands.
/// - The document must be UTF-8, and say so if it names an encoding (or US-ASCII).
package struct XMLReader: ~Copyable {
    /// What a document may cost.
    package struct Limits: Sendable {
        /// The largest document, in bytes.
        package var maximumBytes: Int
        /// How deep elements may nest.
        package var maximumDepth: Int

        package init(maximumBytes: Int = 64 << 20, maximumDepth: Int = 64) {
            self.maximumBytes = maximumBytes
            self.maximumDepth = maximumDepth
        }
    }

    /// The qualified name of an element whose end is still to come.
    struct OpenElement {
        let name: UnsafePointer<UInt8>
        let count: Int
    }

    // The document's bytes; `start <= cursor <= end` always. They outlive the reader, which can't leave the closure
    // of `read` because it can't be copied.
    let start: UnsafePointer<UInt8>
    let end: UnsafePointer<UInt8>
    var cursor: UnsafePointer<UInt8>
    // Room for `maximumDepth` elements, of which `depth` are in use.
    let open: UnsafeMutablePointer<OpenElement>
    let maximumDepth: Int
    var depth = 0
    /// The current element was written `<a/>`: it has no content, and its end was not given out yet.
    var isInEmptyElement = false
    var hasFailed = false
    var hasSeenRoot = false
    /// Text that is not in the document as it is: references, CDATA, line ends.
    var scratch: [UInt8] = []

    /// The first error, if there was one.
    package private(set) var error: XMLError?

    /// Whether ``readURLDecodedString()`` decodes: the reply said `<EncodingType>url</EncodingType>`.
    package var decodesURLs = false

    private init(
        start: UnsafePointer<UInt8>,
        count: Int,
        open: UnsafeMutableBufferPointer<OpenElement>,
        stack: UnsafeMutablePointer<OpenElement>
    ) {
        self.start = start
        self.cursor = start
        self.end = start + count
        self.open = stack
        self.maximumDepth = open.count
    }

    /// Reads a document.
    ///
    /// - Parameters:
    ///   - bytes: The document.
    ///   - root: The root element's name, if it must have that one.
    ///   - limits: What the document may cost.
    ///   - body: Reads the root element's content; the reader stands inside it. What it leaves is skipped.
    /// - Throws: The first error in the document, whether `body` came to that place or not.
    package static func read<Value>(
        _ bytes: [UInt8],
        root: StaticString? = nil,
        limits: Limits = Limits(),
        _ body: (inout XMLReader) -> Value
    ) throws(XMLError) -> Value {
        try read(bytes, limits: limits) { (xml, name) in
            if let root, !(root ~= name) {
                xml.fail("the root element is <\(name)>, not <\(root)>")
            }
            return body(&xml)
        }
    }

    /// Reads a document with any root element.
    ///
    /// - Parameters:
    ///   - bytes: The document.
    ///   - limits: What the document may cost.
    ///   - body: Gets the root element's name too.
    /// - Throws: The first error in the document, whether `body` came to that place or not.
    package static func read<Value>(
        _ bytes: [UInt8],
        limits: Limits = Limits(),
        _ body: (inout XMLReader, XMLName) -> Value
    ) throws(XMLError) -> Value {
        if bytes.count > limits.maximumBytes {
            throw XMLError(
                message: "the document has \(bytes.count) bytes; \(limits.maximumBytes) are allowed",
                offset: 0, line: 1, column: 1)
        }
        // Both pointers are good until the closures end, and so is the reader.
        let result = bytes.withUnsafeBufferPointer { document in
            withUnsafeTemporaryAllocation(of: OpenElement.self, capacity: max(limits.maximumDepth, 1)) {
                stack -> Result<Value, XMLError> in
                guard !document.isEmpty, let start = document.baseAddress, let stackStart = stack.baseAddress else {
                    return .failure(XMLError(message: "the document is empty", offset: 0, line: 1, column: 1))
                }
                var reader = XMLReader(start: start, count: document.count, open: stack, stack: stackStart)
                return reader.readDocument(body)
            }
        }
        return try result.get()
    }

    private mutating func readDocument<Value>(_ body: (inout XMLReader, XMLName) -> Value) -> Result<Value, XMLError> {
        if let offset = firstInvalidUTF8(UnsafeRawBufferPointer(start: start, count: end - start)) {
            fail("this is not UTF-8", at: start + offset)
        }
        if let root = nextElement() {
            let value = body(&self, root)
            while depth > 0, !hasFailed {
                skipElement()
            }
            _ = nextElement()
            if let error { return .failure(error) }
            return .success(value)
        }
        return .failure(error ?? XMLError(message: "there is no root element", offset: 0, line: 1, column: 1))
    }
}

// MARK: - Errors

extension XMLReader {
    /// Keeps the first error and stops the reader.
    package mutating func fail(_ message: String) {
        fail(message, at: cursor)
    }

    @inline(never)
    mutating func fail(_ message: String, at position: UnsafePointer<UInt8>) {
        guard !hasFailed else { return }
        var line = 1
        var lineStart = start
        var p = start
        while p < min(position, end) {
            if p.pointee == .newline {
                line += 1
                lineStart = p + 1
            }
            p += 1
        }
        error = XMLError(
            message: message, offset: position - start, line: line, column: position - lineStart + 1)
        hasFailed = true
        cursor = end
    }

    @inline(never)
    mutating func failTruncated() {
        if depth > 0 {
            fail("the document ends inside <\(currentName)>", at: end)
        } else {
            fail("the document ends too early", at: end)
        }
    }

    /// The qualified name of the element that the reader is in.
    var currentName: String {
        guard depth > 0 else { return "" }
        // In use: depth - 1 < depth.
        let element = open[depth - 1]
        return String(decoding: UnsafeBufferPointer(start: element.name, count: element.count), as: UTF8.self)
    }
}

// MARK: - Elements

extension XMLReader {
    /// Steps into the next child of the current element; nil at the current element's end, which it steps out of.
    ///
    /// What is done with a child must read it to its end: a read function or ``skipElement()``.
    /// Text between children is checked and ignored.
    package mutating func nextElement() -> XMLName? {
        if isInEmptyElement {
            isInEmptyElement = false
            depth &-= 1
            return nil
        }
        if depth == 0 { return nextOutsideRoot() }
        while true {
            // `cursor` stands before content; `skipText` leaves it at "<" with a byte behind it, or fails.
            guard skipText() else { return nil }
            switch cursor[1] {
            case .slash:
                readEndTag()
                return nil
            case .exclamationMark:
                skipCommentOrCDATA()
            case .questionMark:
                skipProcessingInstruction()
            default:
                return readStartTag()
            }
            if hasFailed { return nil }
        }
    }

    /// Reads past the rest of the current element. It is checked all the same.
    package mutating func skipElement() {
        let outer = depth &- 1
        while depth > outer, !hasFailed {
            _ = nextElement()
        }
    }

    /// The content of the first child with this name, without moving; nil if there is none.
    ///
    /// For what must be known before the rest is read, such as `EncodingType`.
    package mutating func peekText(of name: StaticString) -> String? {
        let savedCursor = cursor
        let savedDepth = depth
        let savedEmpty = isInEmptyElement
        var text: String?
        while let child = nextElement() {
            if name ~= child {
                text = readString()
                break
            }
            skipElement()
        }
        // Going back is safe: what is below `savedDepth` on the stack was not written, other than by popping.
        if !hasFailed {
            cursor = savedCursor
            depth = savedDepth
            isInEmptyElement = savedEmpty
        }
        return text
    }

    /// The text of the current element, which is read to its end; nil where it has children, which are skipped.
    ///
    /// For documents whose elements are not all known.
    package mutating func readStringUnlessNested() -> String? {
        let savedCursor = cursor
        let savedDepth = depth
        let savedEmpty = isInEmptyElement
        if nextElement() != nil {
            skipElement()
            skipElement()
            return nil
        }
        // As in `peekText`, going back is safe.
        if !hasFailed {
            cursor = savedCursor
            depth = savedDepth
            isInEmptyElement = savedEmpty
        }
        return readString()
    }

    /// At "<" and a name: pushes the element.
    @inline(__always)
    private mutating func readStartTag() -> XMLName? {
        let name = cursor + 1
        let nameEnd = XMLReader.endOfSimpleName(name, end)
        if nameEnd < end, nameEnd.pointee == .greaterThan, nameEnd > name, depth < maximumDepth {
            let count = nameEnd - name
            (open + depth).initialize(to: OpenElement(name: name, count: count))
            depth &+= 1
            cursor = nameEnd + 1
            return XMLName(start: name, count: count)
        }
        return readUnusualStartTag()
    }

    /// A start tag with attributes, a prefix, letters beyond ASCII or a mistake.
    @inline(never)
    private mutating func readUnusualStartTag() -> XMLName? {
        let name = cursor + 1
        guard let nameEnd = readName(name) else { return nil }
        guard depth < maximumDepth else {
            fail("elements nest deeper than \(maximumDepth)")
            return nil
        }
        (open + depth).initialize(to: OpenElement(name: name, count: nameEnd - name))
        depth &+= 1
        cursor = nameEnd
        readAttributes()
        if hasFailed { return nil }
        // The local part; a name may not end in a colon.
        var local = nameEnd
        while local > name, (local - 1).pointee != .colon {
            local -= 1
        }
        return XMLName(start: local, count: nameEnd - local)
    }

    /// From behind the element's name to behind ">".
    private mutating func readAttributes() {
        var p = cursor
        var names: [XMLName] = []
        while true {
            let afterName = p
            p = XMLReader.skipSpace(p, end)
            guard p < end else { return failTruncated() }
            if p.pointee == .greaterThan {
                cursor = p + 1
                return
            }
            if p.pointee == .slash {
                guard p + 1 < end else { return failTruncated() }
                guard p[1] == .greaterThan else {
                    return fail("\"/\" in a start tag without \">\" behind it", at: p)
                }
                isInEmptyElement = true
                cursor = p + 2
                return
            }
            guard p > afterName else { return fail("white space is missing in a tag", at: p) }
            guard let nameEnd = readName(p) else { return }
            let name = XMLName(start: p, count: nameEnd - p)
            for other in names
            where other.count == name.count && XMLName.areEqual(other.start, name.start, name.count) {
                return fail("the attribute \(name) is given twice", at: p)
            }
            // Keeps the search above from becoming quadratic in what an attacker sends.
            guard names.count < 128 else { return fail("an element has more than 128 attributes", at: p) }
            names.append(name)
            p = XMLReader.skipSpace(nameEnd, end)
            guard p < end else { return failTruncated() }
            guard p.pointee == .equals else {
                return fail("\"=\" is missing behind the attribute \(name)", at: p)
            }
            p = XMLReader.skipSpace(p + 1, end)
            guard p < end else { return failTruncated() }
            let quote = p.pointee
            guard quote == .quote || quote == .apostrophe else {
                return fail("the value of the attribute \(name) is not quoted", at: p)
            }
            p += 1
            while true {
                guard p < end else { return failTruncated() }
                let byte = p.pointee
                if byte == quote { break }
                if byte == .lessThan { return fail("\"<\" in an attribute", at: p) }
                if byte == .ampersand {
                    guard let next = readReference(p)?.next else { return }
                    p = next
                    continue
                }
                guard byte.isXMLCharacter else { return failControlCharacter(at: p) }
                p += 1
            }
            p += 1
        }
    }

    /// At "</": the end of the current element.
    @inline(__always)
    private mutating func readEndTag() {
        // In use: only called with depth > 0.
        let element = open[depth &- 1]
        let name = cursor + 2
        // The name and ">" must fit.
        if end - name > element.count, XMLName.areEqual(name, element.name, element.count),
            name[element.count] == .greaterThan
        {
            cursor = name + element.count + 1
            depth &-= 1
            return
        }
        readUnusualEndTag()
    }

    @inline(never)
    private mutating func readUnusualEndTag() {
        let name = cursor + 2
        guard let nameEnd = readName(name) else { return }
        let element = open[depth &- 1]
        guard nameEnd - name == element.count, XMLName.areEqual(name, element.name, element.count) else {
            let found = XMLName(start: name, count: nameEnd - name)
            return fail("</\(found)> where </\(currentName)> was due")
        }
        let p = XMLReader.skipSpace(nameEnd, end)
        guard p < end else { return failTruncated() }
        guard p.pointee == .greaterThan else { return fail("the end tag holds more than a name", at: p) }
        cursor = p + 1
        depth &-= 1
    }
}

// MARK: - Text

extension XMLReader {
    /// Gives `body` the text of the current element, and reads to its end; nil after an error.
    ///
    /// The text is that of the document where it can be. It must not be kept.
    @inline(__always)
    mutating func withText<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value? {
        if isInEmptyElement {
            isInEmptyElement = false
            depth &-= 1
            return body(UnsafeBufferPointer(start: nil, count: 0))
        }
        guard depth > 0, !hasFailed else { return nil }
        let text = cursor
        let textEnd = XMLReader.endOfSimpleText(text, end)
        // Nearly always the text ends at the element's end tag.
        let element = open[depth &- 1]
        if end - textEnd > element.count &+ 2, textEnd.pointee == .lessThan,
            textEnd[1] == .slash,
            XMLName.areEqual(textEnd + 2, element.name, element.count),
            textEnd[element.count &+ 2] == .greaterThan
        {
            cursor = textEnd + (element.count &+ 3)
            depth &-= 1
            return body(UnsafeBufferPointer(start: text, count: textEnd - text))
        }
        guard gatherText() else { return nil }
        return scratch.withUnsafeBufferPointer(body)
    }

    /// The text of the current element into `scratch`, and past the element's end.
    @inline(never)
    private mutating func gatherText() -> Bool {
        scratch.removeAll(keepingCapacity: true)
        while !hasFailed {
            let run = cursor
            let stop = XMLReader.endOfSimpleText(run, end)
            scratch.append(contentsOf: UnsafeBufferPointer(start: run, count: stop - run))
            cursor = stop
            guard stop < end else {
                failTruncated()
                break
            }
            switch stop.pointee {
            case .lessThan:
                guard stop + 1 < end else {
                    failTruncated()
                    break
                }
                switch stop[1] {
                case .slash:
                    readEndTag()
                    return !hasFailed
                case .exclamationMark:
                    let content = stop + 9
                    let isCDATA = startsCDATA(stop)
                    skipCommentOrCDATA()
                    if isCDATA, !hasFailed {
                        // It ended in "]]>".
                        appendNormalizingLineEnds(content, cursor - 3)
                    }
                case .questionMark:
                    skipProcessingInstruction()
                default:
                    fail("<\(currentName)> holds an element where text was due")
                }
            case .ampersand:
                guard let (scalar, next) = readReference(stop) else { break }
                scratch.append(contentsOf: String(scalar).utf8)
                cursor = next
            case .rightBracket:
                if isEndOfCDATA(stop) {
                    fail("\"]]>\" in text")
                    break
                }
                scratch.append(.rightBracket)
                cursor = stop + 1
            case .carriageReturn:
                scratch.append(.newline)
                cursor = stop + (stop + 1 < end && stop[1] == .newline ? 2 : 1)
            default:
                failControlCharacter(at: stop)
            }
        }
        return false
    }

    /// Checks text up to the next "<"; false after an error. At least one byte follows the "<".
    @inline(__always)
    private mutating func skipText() -> Bool {
        let p = XMLReader.endOfSimpleText(cursor, end)
        cursor = p
        if end - p > 1, p.pointee == .lessThan { return true }
        return skipUnusualText()
    }

    @inline(never)
    private mutating func skipUnusualText() -> Bool {
        while !hasFailed {
            let p = XMLReader.endOfSimpleText(cursor, end)
            guard end - p > 1 else {
                failTruncated()
                return false
            }
            switch p.pointee {
            case .lessThan:
                cursor = p
                return true
            case .ampersand:
                guard let next = readReference(p)?.next else { return false }
                cursor = next
            case .rightBracket:
                if isEndOfCDATA(p) {
                    fail("\"]]>\" in text", at: p)
                    return false
                }
                cursor = p + 1
            case .carriageReturn:
                cursor = p + 1
            default:
                failControlCharacter(at: p)
            }
        }
        return false
    }

    private mutating func appendNormalizingLineEnds(_ from: UnsafePointer<UInt8>, _ to: UnsafePointer<UInt8>) {
        var p = from
        while p < to {
            let byte = p.pointee
            p += 1
            if byte == .carriageReturn {
                scratch.append(.newline)
                if p < to, p.pointee == .newline { p += 1 }
            } else {
                scratch.append(byte)
            }
        }
    }

    private func isEndOfCDATA(_ p: UnsafePointer<UInt8>) -> Bool {
        end - p >= 3 && p[0] == .rightBracket && p[1] == .rightBracket && p[2] == .greaterThan
    }

    private mutating func failControlCharacter(at p: UnsafePointer<UInt8>) {
        let digits = String(p.pointee, radix: 16, uppercase: true)
        fail(
            "the control character U+\(String(repeating: "0", count: 4 - digits.count) + digits) is not allowed", at: p)
    }

    /// At "&": what the reference stands for, and where it ends; nil after an error.
    private mutating func readReference(
        _ ampersand: UnsafePointer<UInt8>
    ) -> (scalar: Unicode.Scalar, next: UnsafePointer<UInt8>)? {
        // The limit keeps a stray "&" from a search to the end; only leading zeros could make a reference longer.
        var p = ampersand + 1
        let limit = end - p > 32 ? p + 32 : end
        while p < limit, p.pointee != .semicolon {
            p += 1
        }
        let body = UnsafeBufferPointer(start: ampersand + 1, count: p - ampersand - 1)
        if p < limit, let scalar = XMLReader.scalar(ofReference: body) {
            return (scalar, p + 1)
        }
        fail("\"&\" does not start a character reference or one of the five predefined entities", at: ampersand)
        return nil
    }

    private static func scalar(ofReference body: UnsafeBufferPointer<UInt8>) -> Unicode.Scalar? {
        guard body.first == .numberSign else {
            // Longest first would not help: all differ in length or first letter.
            if body.elementsEqual("lt".utf8) { return "<" }
            if body.elementsEqual("gt".utf8) { return ">" }
            if body.elementsEqual("amp".utf8) { return "&" }
            if body.elementsEqual("quot".utf8) { return "\"" }
            if body.elementsEqual("apos".utf8) { return "'" }
            return nil
        }
        let isHexadecimal = body.count > 1 && body[1] == UInt8(ascii: "x")
        let digits = body.dropFirst(isHexadecimal ? 2 : 1)
        guard !digits.isEmpty else { return nil }
        var value: UInt32 = 0
        for digit in digits {
            guard let digitValue = digit.hexadecimalValue, isHexadecimal || digitValue < 10 else { return nil }
            // Too large stays too large, and doesn't overflow.
            value = min(value * (isHexadecimal ? 16 : 10) + UInt32(digitValue), 0x110000)
        }
        // Scalar values exclude surrogates and what is above U+10FFFF.
        guard value != 0, value != 0xFFFE, value != 0xFFFF else { return nil }
        return Unicode.Scalar(value)
    }
}

// MARK: - Around and between elements

extension XMLReader {
    /// Outside the root element: its start, or the check that nothing follows it.
    @inline(never)
    private mutating func nextOutsideRoot() -> XMLName? {
        guard !hasFailed else { return nil }
        if !hasSeenRoot {
            skipByteOrderMark()
            readXMLDeclaration()
        }
        while !hasFailed {
            let p = XMLReader.skipSpace(cursor, end)
            cursor = p
            guard p < end else {
                if !hasSeenRoot { fail("there is no root element") }
                return nil
            }
            guard p.pointee == .lessThan else {
                fail("there is text outside the root element")
                return nil
            }
            guard p + 1 < end else {
                failTruncated()
                return nil
            }
            switch p[1] {
            case .questionMark:
                skipProcessingInstruction()
            case .exclamationMark:
                if isComment(p) {
                    skipCommentOrCDATA()
                } else if isDoctype(p) {
                    fail("document type declarations are not accepted")
                } else {
                    fail("markup that can't stand outside the root element")
                }
            case .slash:
                fail("an end tag without its start tag")
            default:
                guard !hasSeenRoot else {
                    fail("there is a second root element")
                    return nil
                }
                hasSeenRoot = true
                return readStartTag()
            }
        }
        return nil
    }

    private mutating func skipByteOrderMark() {
        if end - cursor >= 3, cursor[0] == 0xEF, cursor[1] == 0xBB, cursor[2] == 0xBF {
            cursor += 3
        }
    }

    /// `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`, only at the very start.
    private mutating func readXMLDeclaration() {
        guard startsWith("<?xml", cursor), end - cursor > 5, cursor[5].isXMLSpace else { return }
        cursor += 5
        var step = 0
        while !hasFailed {
            let p = XMLReader.skipSpace(cursor, end)
            if startsWith("?>", p) {
                if step == 0 { return fail("the XML declaration has no version", at: p) }
                cursor = p + 2
                return
            }
            guard p > cursor else { return fail("the XML declaration is malformed", at: p) }
            let names: [StaticString] = ["version", "encoding", "standalone"]
            guard let index = names.indices.dropFirst(step).first(where: { startsWith(names[$0], p) }),
                step > 0 || index == 0
            else {
                return fail("the XML declaration is malformed", at: p)
            }
            step = index + 1
            guard let value = readPseudoAttribute(p + names[index].utf8CodeUnitCount) else { return }
            switch index {
            case 0 where !(value.hasPrefix("1.") && value.count > 2 && value.utf8.dropFirst(2).allSatisfy(\.isDigit)):
                fail("XML version \"\(value)\" is not supported", at: p)
            case 1 where !["utf-8", "us-ascii", "utf8", "ascii"].contains(value.lowercased()):
                fail("the encoding \"\(value)\" is not supported", at: p)
            case 2 where value != "yes" && value != "no":
                fail("standalone must be \"yes\" or \"no\"", at: p)
            default:
                break
            }
        }
    }

    /// ` = "value"` of the XML declaration; `cursor` goes behind it.
    private mutating func readPseudoAttribute(_ from: UnsafePointer<UInt8>) -> String? {
        var p = XMLReader.skipSpace(from, end)
        guard p < end, p.pointee == .equals else {
            fail("\"=\" is missing in the XML declaration", at: p)
            return nil
        }
        p = XMLReader.skipSpace(p + 1, end)
        guard p < end, p.pointee == .quote || p.pointee == .apostrophe else {
            fail("a value in the XML declaration is not quoted", at: p)
            return nil
        }
        let value = p + 1
        let quote = p.pointee
        p = value
        // Versions and encodings are short, and made of these.
        while p < end, p.pointee.isSimpleNameByte { p += 1 }
        guard p < end, p.pointee == quote else {
            fail("a value in the XML declaration is malformed", at: p)
            return nil
        }
        cursor = p + 1
        return String(decoding: UnsafeBufferPointer(start: value, count: p - value), as: UTF8.self)
    }

    private func startsWith(_ literal: StaticString, _ p: UnsafePointer<UInt8>) -> Bool {
        // The length is checked before bytes are read.
        end - p >= literal.utf8CodeUnitCount
            && XMLName.areEqual(p, literal.utf8Start, literal.utf8CodeUnitCount)
    }

    private func isComment(_ p: UnsafePointer<UInt8>) -> Bool { startsWith("<!--", p) }
    private func startsCDATA(_ p: UnsafePointer<UInt8>) -> Bool { startsWith("<![CDATA[", p) }
    private func isDoctype(_ p: UnsafePointer<UInt8>) -> Bool { startsWith("<!DOCTYPE", p) }

    /// At "<!" inside the root element, or at a comment outside.
    @inline(never)
    private mutating func skipCommentOrCDATA() {
        let markup = cursor
        if isComment(markup) {
            var p = markup + 4
            while true {
                guard let dashes = findPair(.hyphen, p) else { return }
                p = dashes + 2
                guard p < end else { return failTruncated() }
                guard p.pointee == .greaterThan else { return fail("\"--\" in a comment", at: dashes) }
                cursor = p + 1
                return
            }
        }
        if startsCDATA(markup) {
            var p = markup + 9
            while true {
                guard let brackets = findPair(.rightBracket, p) else { return }
                if isEndOfCDATA(brackets) {
                    cursor = brackets + 3
                    return
                }
                p = brackets + 1
            }
        }
        fail(
            isDoctype(markup)
                ? "document type declarations are not accepted" : "\"<!\" starts neither a comment nor a CDATA section")
    }

    /// The next place where `byte` stands twice, with the characters up to it checked; nil after an error.
    private mutating func findPair(_ byte: UInt8, _ from: UnsafePointer<UInt8>) -> UnsafePointer<UInt8>? {
        var p = from
        while p < end {
            let current = p.pointee
            if current == byte, p + 1 < end, p[1] == byte { return p }
            guard current.isXMLCharacter else {
                failControlCharacter(at: p)
                return nil
            }
            p += 1
        }
        failTruncated()
        return nil
    }

    /// At "<?".
    @inline(never)
    private mutating func skipProcessingInstruction() {
        let target = cursor + 2
        guard let targetEnd = readName(target) else { return }
        if targetEnd - target == 3, target[0] | 0x20 == UInt8(ascii: "x"),
            target[1] | 0x20 == UInt8(ascii: "m"), target[2] | 0x20 == UInt8(ascii: "l")
        {
            return fail("an XML declaration can only stand at the start")
        }
        var p = targetEnd
        guard p < end, p.pointee.isXMLSpace || startsWith("?>", p) else {
            return p < end ? fail("a processing instruction's target is malformed", at: p) : failTruncated()
        }
        while p < end {
            if p.pointee == .questionMark, p + 1 < end, p[1] == .greaterThan {
                cursor = p + 2
                return
            }
            guard p.pointee.isXMLCharacter else { return failControlCharacter(at: p) }
            p += 1
        }
        failTruncated()
    }

    /// A name of any characters that XML allows; its end, or nil after an error.
    private mutating func readName(_ from: UnsafePointer<UInt8>) -> UnsafePointer<UInt8>? {
        var p = from
        while p < end {
            let byte = p.pointee
            if byte < 0x80 {
                guard byte.isSimpleNameByte || byte == .colon else { break }
                if p == from, !byte.isSimpleNameStart, byte != .colon { break }
                p += 1
            } else {
                // The document was validated: a whole scalar is there.
                let length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
                var value = UInt32(byte) & (0x7F >> UInt32(length))
                for i in 1..<length {
                    value = value << 6 | UInt32(p[i] & 0x3F)
                }
                guard XMLReader.isNameScalar(value, atStart: p == from) else { break }
                p += length
            }
        }
        guard p > from else {
            p < end ? fail("a name was due here", at: p) : failTruncated()
            return nil
        }
        // A colon separates two parts that both have letters.
        if from.pointee == .colon || (p - 1).pointee == .colon {
            fail("a colon at the start or end of a name", at: from)
            return nil
        }
        return p
    }

    /// NameStartChar and NameChar beyond ASCII.
    private static func isNameScalar(_ value: UInt32, atStart: Bool) -> Bool {
        switch value {
        case 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2FF, 0x370...0x37D, 0x37F...0x1FFF, 0x200C...0x200D, 0x2070...0x218F,
            0x2C00...0x2FEF, 0x3001...0xD7FF, 0xF900...0xFDCF, 0xFDF0...0xFFFD, 0x10000...0xEFFFF:
            true
        case 0xB7, 0x300...0x36F, 0x203F...0x2040:
            !atStart
        default:
            false
        }
    }
}

// MARK: - Scanning

extension XMLReader {
    /// The first byte that needs a look: "<", "&", "]", or a control character other than tab and newline.
    @inline(__always)
    static func endOfSimpleText(_ from: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highBits: UInt64 = 0x8080_8080_8080_8080
        var p = from
        while true {
            // Eight bytes at a time, as long as eight are left. A byte of `word ^ pattern` is zero where it matches;
            // the lowest bit set is exact, those above it may be carried.
            while end - p >= 8 {
                let word = UInt64(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt64.self))
                let lessThan = word ^ (ones &* 0x3C)
                let ampersand = word ^ (ones &* 0x26)
                let bracket = word ^ (ones &* 0x5D)
                let found =
                    (((lessThan &- ones) & ~lessThan)
                        | ((ampersand &- ones) & ~ampersand)
                        | ((bracket &- ones) & ~bracket)
                        | ((word &- (ones &* 0x20)) & ~word)) & highBits
                if found != 0 {
                    p += found.trailingZeroBitCount &>> 3
                    break
                }
                p += 8
            }
            while p < end {
                let byte = p.pointee
                if byte == .newline || byte == .tab {
                    p += 1
                    // There may be eight again.
                    break
                }
                if byte < 0x20 || byte == .lessThan || byte == .ampersand || byte == .rightBracket { return p }
                p += 1
            }
            if p >= end { return end }
        }
    }

    /// The end of a name made of ASCII letters, digits, "-", "_" and "."; `from` itself if it does not start one.
    @inline(__always)
    static func endOfSimpleName(_ from: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        var p = from
        guard p < end, p.pointee.isSimpleNameStart else { return p }
        p += 1
        while p < end, p.pointee.isSimpleNameByte {
            p += 1
        }
        return p
    }

    @inline(__always)
    static func skipSpace(_ from: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        var p = from
        while p < end, p.pointee.isXMLSpace {
            p += 1
        }
        return p
    }
}

extension UInt8 {
    static let tab = UInt8(ascii: "\t")
    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let exclamationMark = UInt8(ascii: "!")
    static let quote = UInt8(ascii: "\"")
    static let numberSign = UInt8(ascii: "#")
    static let ampersand = UInt8(ascii: "&")
    static let apostrophe = UInt8(ascii: "'")
    static let hyphen = UInt8(ascii: "-")
    static let slash = UInt8(ascii: "/")
    static let colon = UInt8(ascii: ":")
    static let semicolon = UInt8(ascii: ";")
    static let lessThan = UInt8(ascii: "<")
    static let equals = UInt8(ascii: "=")
    static let greaterThan = UInt8(ascii: ">")
    static let questionMark = UInt8(ascii: "?")
    static let rightBracket = UInt8(ascii: "]")

    var isXMLSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
    var isXMLCharacter: Bool { self >= 0x20 || isXMLSpace }
    var isDigit: Bool { self &- 0x30 < 10 }
    var isSimpleNameStart: Bool { (self | 0x20) &- 0x61 < 26 || self == 0x5F }

    /// Letters, digits, "-", "." and "_", one bit for each.
    @inline(__always)
    var isSimpleNameByte: Bool {
        let low: UInt64 = 0x03FF_6000_0000_0000
        let high: UInt64 = 0x07FF_FFFE_87FF_FFFE
        if self >= 0x80 { return false }
        return ((self < 0x40 ? low : high) &>> UInt64(self & 0x3F)) & 1 != 0
    }

    var hexadecimalValue: UInt8? {
        switch self {
        case 0x30...0x39: self &- 0x30
        case 0x41...0x46: self &- 0x37
        case 0x61...0x66: self &- 0x57
        default: nil
        }
    }
}

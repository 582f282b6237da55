/// Writes XML into one buffer of UTF-8 bytes.
///
/// ```swift
/// var xml = XMLWriter()
/// xml.startElement("Owner")
/// xml.write("ID", owner.id)
/// xml.endElement("Owner")
/// send(xml.bytes)
/// ```
///
/// There is no XML declaration, no indentation and no check that elements match: generated code gets that right.
package struct XMLWriter: ~Copyable {
    // Owned: allocated here, freed in `deinit`; `count <= capacity` always. Its own memory rather than an array's,
    // because writing an element is then one capacity check and plain stores.
    private var buffer: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    /// Makes an empty writer.
    package init(capacity: Int = 512) {
        self.capacity = max(capacity, 64)
        buffer = .allocate(capacity: self.capacity)
    }

    deinit {
        buffer.deallocate()
    }

    /// What was written so far.
    package var bytes: [UInt8] {
        // Copied out before `buffer` can change.
        Array(UnsafeBufferPointer(start: buffer, count: count))
    }
}

extension XMLWriter {
    /// Writes `<name>`.
    package mutating func startElement(_ name: StaticString) {
        reserve(name.utf8CodeUnitCount + 2)
        put(.lessThan)
        put(name)
        put(.greaterThan)
    }

    /// Writes `</name>`.
    package mutating func endElement(_ name: StaticString) {
        reserve(name.utf8CodeUnitCount + 3)
        putEndTag(name)
    }

    /// Writes text with what needs it escaped: `& < >` and the control characters U+0000 to U+001F.
    ///
    /// Quotes need it in attributes only, and there are none. Control characters become character references, as the
    /// service expects them in object keys.
    package mutating func writeText(_ text: String?) {
        guard var text else { return }
        // The bytes are read inside the closure only.
        text.withUTF8 {
            reserve($0.count + XMLWriter.slack)
            putEscaped($0)
        }
    }

    /// Writes `<name>text</name>`.
    mutating func writeElement(_ name: StaticString, text: String) {
        var text = text
        // As above.
        text.withUTF8 {
            reserve(2 * name.utf8CodeUnitCount + 5 + $0.count + XMLWriter.slack)
            put(.lessThan)
            put(name)
            put(.greaterThan)
            putEscaped($0, followedBy: name.utf8CodeUnitCount + 3)
        }
        putEndTag(name)
    }

    /// Writes `<name>…</name>` with text that needs no escaping, of at most 64 bytes.
    ///
    /// - Parameter text: Writes it, and gives its length.
    @inline(__always)
    mutating func writeElement(_ name: StaticString, plain text: (UnsafeMutablePointer<UInt8>) -> Int) {
        reserve(2 * name.utf8CodeUnitCount + 5 + 64)
        put(.lessThan)
        put(name)
        put(.greaterThan)
        count &+= text(buffer + count)
        putEndTag(name)
    }
}

// MARK: - Into the buffer

extension XMLWriter {
    /// Room for the last, partly used, word of a copy and for the longest escape.
    private static var slack: Int { 16 }

    /// Makes room for `additional` more bytes.
    @inline(__always)
    private mutating func reserve(_ additional: Int) {
        if capacity &- count < additional { grow(additional) }
    }

    @inline(never)
    private mutating func grow(_ additional: Int) {
        let newCapacity = max(capacity * 2, count + additional)
        let newBuffer = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity)
        newBuffer.moveInitialize(from: buffer, count: count)
        buffer.deallocate()
        buffer = newBuffer
        capacity = newCapacity
    }

    // The functions below write without a check: their callers reserved the room.

    @inline(__always)
    private mutating func put(_ byte: UInt8) {
        (buffer + count).initialize(to: byte)
        count &+= 1
    }

    @inline(__always)
    private mutating func put(_ name: StaticString) {
        (buffer + count).initialize(from: name.utf8Start, count: name.utf8CodeUnitCount)
        count &+= name.utf8CodeUnitCount
    }

    @inline(__always)
    private mutating func putEndTag(_ name: StaticString) {
        put(.lessThan)
        put(.slash)
        put(name)
        put(.greaterThan)
    }

    /// Copies `text` with escapes. Room for `text`, `tail` and the slack was reserved, and is kept for what is left.
    @inline(__always)
    private mutating func putEscaped(_ text: UnsafeBufferPointer<UInt8>, followedBy tail: Int = 0) {
        guard let start = text.baseAddress else { return }
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highBits: UInt64 = 0x8080_8080_8080_8080
        let total = text.count
        var i = 0
        while true {
            // A word at a time; a whole word is stored even if only its first bytes are kept.
            while i &+ 8 <= total {
                let word = UInt64(littleEndian: UnsafeRawPointer(start + i).loadUnaligned(as: UInt64.self))
                UnsafeMutableRawPointer(buffer + count).storeBytes(of: word.littleEndian, as: UInt64.self)
                let ampersand = word ^ (ones &* 0x26)
                // "<" and ">" differ in one bit.
                let angle = (word | (ones &* 0x02)) ^ (ones &* 0x3E)
                let found =
                    (((ampersand &- ones) & ~ampersand)
                        | ((angle &- ones) & ~angle)
                        | ((word &- (ones &* 0x20)) & ~word)) & highBits
                if found != 0 {
                    let kept = found.trailingZeroBitCount &>> 3
                    i &+= kept
                    count &+= kept
                    break
                }
                i &+= 8
                count &+= 8
            }
            guard i < total else { return }
            let byte = start[i]
            i &+= 1
            if byte >= 0x20, byte != .ampersand, byte != .lessThan, byte != .greaterThan {
                put(byte)
            } else {
                putEscape(byte)
                reserve(total &- i &+ tail &+ XMLWriter.slack)
            }
        }
    }

    @inline(never)
    private mutating func putEscape(_ byte: UInt8) {
        switch byte {
        case .ampersand: put("&amp;")
        case .lessThan: put("&lt;")
        case .greaterThan: put("&gt;")
        default:
            put("&#")
            if byte >= 10 { put(0x30 + byte / 10) }
            put(0x30 + byte % 10)
            put(.semicolon)
        }
    }
}

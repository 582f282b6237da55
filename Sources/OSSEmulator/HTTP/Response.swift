import NIOHTTP1

/// An answer before it is written.
struct Response: Sendable {
    enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// Stored bytes, kept by the lease until they are sent.
        case stored([Segment], length: Int64, Lease)
    }

    var status: HTTPResponseStatus
    var headers: [HeaderField] = []
    var body: Body = .none
    /// What a HEAD announces without sending it.
    var announcedLength: Int64?
    /// How it is sent, where a fault or a limit of the client's says so.
    var delivery: Delivery?
    /// What is written down once it was sent.
    var exchange: Exchange?

    init(_ status: HTTPResponseStatus = .ok, headers: [HeaderField] = [], body: Body = .none) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// An XML document.
    init(_ status: HTTPResponseStatus = .ok, root: String, _ content: (inout XMLWriter) -> Void) {
        var writer = XMLWriter()
        writer.element(root, content)
        self.init(
            status, headers: [HeaderField(name: "Content-Type", value: "application/xml")], body: .bytes(writer.bytes))
    }

    mutating func set(_ name: String, _ value: String?) {
        guard let value else { return }
        // A value may come from a query; one with a line feed would be a header more.
        let clean = value.utf8.allSatisfy { $0 >= 32 && $0 != 127 || $0 == 9 }
        headers.append(HeaderField(name: name, value: clean ? value : Percent.encode(value)))
    }

    var length: Int64 {
        switch body {
        case .none: announcedLength ?? 0
        case .bytes(let bytes): Int64(bytes.count)
        case .stored(_, let length, _): length
        }
    }
}

extension Operation {
    static let processOperations: [Operation] = [
        Operation("GetObject", .GET, .object, "x-oss-process", need: .readObject) {
            try await $0.getProcessedObject($1)
        },
        Operation("ProcessObject", .POST, .object, "x-oss-process", need: .writeObject) {
            try await $0.processObject($1)
        },
        Operation("AsyncProcessObject", .POST, .object, "x-oss-async-process", need: .writeObject) {
            try await $0.asyncProcessObject($1)
        },
    ]
}

/// Processing of images and the like. None of it is built in; what is said without it is what the service says too.
extension Service {
    func getProcessedObject(_ call: Call) async throws -> Response {
        let process = call.query.nonEmpty("x-oss-process") ?? ""
        guard !process.isEmpty else { return try getObject(call) }
        try await refuse(process, call)
    }

    func processObject(_ call: Call) async throws -> Response {
        let body = try await call.body.collect(upTo: 64 << 10)
        try ContentMD5(call.request)?.check(ContentMD5.digest(of: body))
        try await refuse(try Self.process("x-oss-process", in: body), call)
    }

    func asyncProcessObject(_ call: Call) async throws -> Response {
        let body = try await call.body.collect(upTo: 64 << 10)
        try ContentMD5(call.request)?.check(ContentMD5.digest(of: body))
        _ = try Self.process("x-oss-async-process", in: body)
        _ = try find(call)
        // Such work is done by another service, which the bucket would have to be bound to. It never is here.
        throw Fault(
            .notFound, "Imm Client", "ResourceNotFound, The specified resource Attachment is not found.")
    }

    /// `x-oss-process=image/resize,w_100|sys/saveas,o_…`, which clients don't encode.
    private static func process(_ name: String, in body: [UInt8]) throws(Fault) -> String {
        let text = String(decoding: body, as: UTF8.self)
        guard text.hasPrefix(name + "="), text.utf8.count > name.utf8.count + 1 else {
            throw .invalidArgument(name, text, "The body must be \(name)=….")
        }
        return String(text.dropFirst(name.count + 1))
    }

    private func refuse(_ process: String, _ call: Call) async throws -> Never {
        let found = try read(call)
        guard !found.isFrozen else { throw Fault.invalidObjectState }
        if process.hasPrefix("image/"), try await !isImage(found) {
            throw Fault(.badRequest, "BadRequest", "This image format is not supported.")
        }
        throw Fault.notImplemented("x-oss-process=\(process)")
    }

    /// Whether the bytes begin like those of an image that the service can process.
    private func isImage(_ object: ReadableObject) async throws -> Bool {
        let storage = catalogue.storage
        let bytes = try await pool.runIfActive {
            let reader = SegmentReader(storage: storage, segments: object.version.segments)
            defer { reader.close() }
            return try reader.read(upTo: 12).map { Array($0.readableBytesView) } ?? []
        }
        withExtendedLifetime(object.lease) {}
        let starts: [[UInt8]] = [
            [0xFF, 0xD8, 0xFF], [0x89, 0x50, 0x4E, 0x47], Array("GIF8".utf8), Array("BM".utf8),
            [0x49, 0x49, 0x2A, 0], [0x4D, 0x4D, 0, 0x2A],
        ]
        if starts.contains(where: bytes.starts(with:)) { return true }
        guard bytes.count == 12 else { return false }
        let isWebP = bytes.starts(with: "RIFF".utf8) && bytes[8...].elementsEqual("WEBP".utf8)
        return isWebP || bytes[4..<8].elementsEqual("ftyp".utf8)
    }
}

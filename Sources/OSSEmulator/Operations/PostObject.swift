import NIOCore
import NIOHTTP1

extension Operation {
    static let formOperations: [Operation] = [
        Operation("PostObject", .POST, .bucket, header: "content-type", need: .form) { _, _ in
            throw Fault.malformedForm()
        }
    ]

    /// What a form asks for, once it was read.
    fileprivate static let formUpload = Operation(
        "PostObject", .POST, .object, need: .writeObject, action: "PutObject"
    ) { try await $0.putObject($1) }
}

/// The fields of a form up to its file. Their names are the same in capitals.
struct FormFields: Sendable {
    private(set) var items: [(name: String, value: String)] = []

    /// A value, unless it is empty.
    subscript(name: String) -> String? {
        let name = name.lowercased()
        return items.first { $0.name == name }.flatMap { $0.value.isEmpty ? nil : $0.value }
    }

    mutating func add(_ name: String, _ value: String) {
        items.append((name.lowercased(), value))
    }

    func required(_ name: String, ec: String) throws(Fault) -> String {
        guard let value = self[name] else {
            throw Fault(
                .badRequest, "InvalidArgument",
                "Bucket POST must contain a field named '\(name)'. If it is specified, please check the order of the"
                    + " fields.", ec: ec
            ).detail("ArgumentName", name).detail("ArgumentValue", "")
        }
        return value
    }
}

/// Uploads from a browser's form. Who sends one, and what it may hold, stands in its fields.
extension Service {
    /// How large all fields but the file may be together.
    private static let fieldsLimit = 8 << 20

    func postObject(
        _ request: Request, _ bucket: BucketRecord, _ body: RequestBody, _ eventLoop: any EventLoop,
        _ authenticator: Authenticator, check: inout SignatureCheck
    ) async throws -> Response {
        let form = try MultipartForm(
            contentType: request.header("content-type") ?? "", body: body, budget: Self.fieldsLimit)
        var fields = FormFields()
        var part = try await form.first()
        while part.name.lowercased() != "file" {
            guard let value = String(validating: try await form.value(), as: UTF8.self) else {
                throw Fault.malformedForm()
            }
            fields.add(part.name, value)
            guard let next = try await form.next() else { throw Fault.malformedForm(ec: "0006-00000104") }
            part = next
        }
        let identity = try authenticator.identify(fields, now: request.received, check: &check)
        check.isVerified = true
        let file = part
        let key = try Self.key(of: fields, file)
        let policy = try fields["policy"].map { text throws(Fault) in try PostPolicy(text) }
        let contentType = fields["x-oss-content-type"] ?? file.contentType ?? fields["content-type"]
        try policy?.check(now: request.received) { name in
            switch name {
            case "bucket": bucket.name
            case "key": key.text
            case "content-type": fields["content-type"] ?? contentType ?? ""
            default: fields[name] ?? ""
            }
        }
        let head = try Self.head(of: request.head, fields, contentType: contentType)
        var target = request.target
        target.key = key
        target.query = Query()
        let upload = Request(
            id: request.id, head: head, target: target, operation: .formUpload, received: request.received,
            logger: request.logger, client: request.client)
        var size: Int64 = 0
        let content = RequestBody(
            head: head,
            next: {
                if let piece = try await form.piece() {
                    size += Int64(piece.readableBytes)
                    try PostPolicy.checkSize(size, isWhole: false, in: policy?.sizes)
                    return .body(piece)
                }
                try PostPolicy.checkSize(size, isWhole: true, in: policy?.sizes)
                // What follows the file doesn't count, but must have come before the answer is given.
                try await form.finish()
                return .end(nil)
            }, beforeFirst: nil)
        let call = Call(
            request: upload, identity: identity, accessKeyID: check.accessKeyID, bucketRecord: bucket, body: content,
            eventLoop: eventLoop)
        try authorize(call)
        let response = try await upload.operation.perform(self, call)
        return Self.answer(response, to: request, fields, key: key, bucket: bucket.name)
    }

    private static func key(of fields: FormFields, _ file: MultipartForm.Part) throws(Fault) -> ObjectKey {
        let name = try fields.required("key", ec: "")
        // Browsers once sent the whole path.
        let fileName = file.fileName?.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
        let key = name.replacing("${filename}", with: fileName)
        guard (1...1023).contains(key.utf8.count), !key.utf8.contains(0) else { throw .invalidObjectName }
        return ObjectKey(key)
    }

    /// Fields that say something of the form, not of the object.
    private static let formNames: Set<String> = [
        "x-oss-signature-version", "x-oss-credential", "x-oss-date", "x-oss-signature", "x-oss-security-token",
        "x-oss-access-key-id", "x-oss-content-type", "x-oss-copy-source", "x-oss-content-sha256",
    ]
    private static let headerNames: Set<String> = [
        "cache-control", "content-disposition", "content-encoding", "content-language", "expires", "content-md5",
    ]

    /// The head of the PutObject that the form stands for.
    private static func head(
        of original: HTTPRequestHead, _ fields: FormFields, contentType: String?
    ) throws(Fault) -> HTTPRequestHead {
        var head = HTTPRequestHead(version: original.version, method: .POST, uri: original.uri)
        for name in ["host", "user-agent", "referer", "origin"] {
            if let value = original.headers.first(name: name) { head.headers.add(name: name, value: value) }
        }
        head.headers.add(name: "transfer-encoding", value: "chunked")
        func add(_ name: String, _ value: String) throws(Fault) {
            guard name.utf8.allSatisfy({ (33...126).contains($0) && $0 != UInt8(ascii: ":") }),
                value.utf8.allSatisfy({ $0 >= 32 && $0 != 127 || $0 == 9 })
            else { throw .invalidArgument(name, value, "The field holds a character that a header can't have.") }
            head.headers.add(name: name, value: value)
        }
        if let contentType { try add("content-type", contentType) }
        var variables: [JSONValue.Member] = []
        for (name, value) in fields.items {
            if name.hasPrefix("x:") {
                variables.append(.init(name: name, value: .string(value)))
            } else if name == "callback" {
                try add("x-oss-callback", value)
            } else if headerNames.contains(name) || name.hasPrefix("x-oss-") && !formNames.contains(name) {
                try add(name, value)
            }
        }
        if !variables.isEmpty { try add("x-oss-callback-var", Base64.encode(JSONValue.object(variables).bytes)) }
        return head
    }

    /// The answer of a PutObject in the form that the fields ask for.
    private static func answer(
        _ stored: Response, to request: Request, _ fields: FormFields, key: ObjectKey, bucket: String
    ) -> Response {
        // What a callback said is passed on.
        guard stored.status == .ok, stored.length == 0 else { return stored }
        var response = stored
        if let target = fields["success_action_redirect"], target.hasPrefix("http://") || target.hasPrefix("https://") {
            response.status = .seeOther
            response.set("Location", target)
            return response
        }
        switch fields["success_action_status"] {
        case "200": break
        case "201":
            let path = request.head.uri.prefix { $0 != "?" }
            let location =
                "http://\(request.header("host") ?? "")\(path)\(path.hasSuffix("/") ? "" : "/")"
                + Percent.encode(key.bytes, keepingSlash: true)
            let document = Response(.created, root: "PostResponse") { xml in
                xml.element("Bucket", bucket)
                xml.element("Location", location)
                xml.element("Key", key.text)
                xml.element("ETag", stored.headers.first { $0.name == "ETag" }?.value ?? "")
            }
            response.status = document.status
            response.headers += document.headers
            response.set("Location", location)
            response.body = document.body
        default: response.status = .noContent
        }
        return response
    }
}

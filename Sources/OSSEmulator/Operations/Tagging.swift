extension Tag {
    private static let maximumCount = 10

    /// `a=b&c=d`, percent-encoded.
    static func parse(header: String) throws(Fault) -> [Tag] {
        var tags: [Tag] = []
        for pair in header.split(separator: "&") {
            let equals = pair.firstIndex(of: "=")
            guard let key = Percent.decodeText(pair[..<(equals ?? pair.endIndex)]),
                let value = Percent.decodeText(equals.map { pair[pair.index(after: $0)...] } ?? "")
            else { throw .invalidTag("The tagging header can't be decoded.") }
            tags.append(Tag(key: key, value: value))
        }
        try check(tags)
        return tags
    }

    static func parse(_ document: XMLNode) throws(Fault) -> [Tag] {
        guard let set = document.child("TagSet") else { throw .malformedXML }
        var tags: [Tag] = []
        for node in set.all("Tag") {
            guard let key = node.child("Key")?.text, let value = node.child("Value")?.text else { throw .malformedXML }
            tags.append(Tag(key: key, value: value))
        }
        try check(tags)
        return tags
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case " ", "+", "-", "=", ".", "_", ":", "/": true
        default: scalar.properties.isAlphabetic || scalar.properties.numericType != nil
        }
    }

    private static func check(_ tags: [Tag]) throws(Fault) {
        guard tags.count <= maximumCount else { throw .invalidTag("An object has at most 10 tags.") }
        var keys: Set<[UInt8]> = []
        for tag in tags {
            guard (1...128).contains(tag.key.utf16.count), tag.value.utf16.count <= 256 else {
                throw .invalidTag("A tag's key has 1 to 128 characters, its value at most 256.")
            }
            guard (tag.key + tag.value).unicodeScalars.allSatisfy(isAllowed) else {
                throw .invalidTag("A tag has letters, digits, spaces and + - = . _ : / only.")
            }
            guard keys.insert(Array(tag.key.utf8)).inserted else {
                throw .invalidTag("A tag's key is there twice.")
            }
        }
    }
}

extension Operation {
    static let taggingOperations: [Operation] = [
        Operation("PutObjectTagging", .PUT, .object, "tagging", need: .owner) { try await $0.putObjectTagging($1) },
        Operation("GetObjectTagging", .GET, .object, "tagging", need: .readObject) { try $0.getObjectTagging($1) },
        Operation("DeleteObjectTagging", .DELETE, .object, "tagging", need: .owner) {
            try await $0.deleteObjectTagging($1)
        },
    ]
}

extension Service {
    func putObjectTagging(_ call: Call) async throws -> Response {
        guard let document = try await call.document(root: "Tagging") else { throw Fault.malformedXML }
        let tags = try Tag.parse(document)
        return try await update(call) { $0.attributes.tags = tags }
    }

    func getObjectTagging(_ call: Call) throws -> Response {
        let (version, _, versionHeader) = try find(call)
        var response = Response(root: "Tagging") { xml in
            xml.element("TagSet") { xml in
                for tag in version.attributes.tags {
                    xml.element("Tag") { xml in
                        xml.element("Key", tag.key)
                        xml.element("Value", tag.value)
                    }
                }
            }
        }
        response.set("x-oss-version-id", versionHeader)
        return response
    }

    func deleteObjectTagging(_ call: Call) async throws -> Response {
        try await update(call, Response(.noContent)) { $0.attributes.tags = [] }
    }
}

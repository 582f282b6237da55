import Crypto
import NIOConcurrencyHelpers
import OSSChecksum

enum MultipartLimits {
    static let partNumbers = 1...10000
    /// Of every part but the last, when the upload is completed.
    static let minimumPartSize: Int64 = 100 << 10
}

extension Operation {
    static let multipartOperations: [Operation] = [
        Operation("InitiateMultipartUpload", .POST, .object, "uploads", need: .writeObject, action: "PutObject") {
            try await $0.initiateMultipartUpload($1)
        },
        Operation("UploadPart", .PUT, .object, "uploadId", need: .writeObject, action: "PutObject") {
            try await $0.uploadPart($1)
        },
        Operation("UploadPart", .PUT, .object, "partNumber", need: .writeObject, action: "PutObject") {
            try await $0.uploadPart($1)
        },
        Operation(
            "UploadPartCopy", .PUT, .object, "uploadId", header: "x-oss-copy-source", need: .writeObject,
            action: "PutObject"
        ) { try await $0.uploadPartCopy($1) },
        Operation("CompleteMultipartUpload", .POST, .object, "uploadId", need: .writeObject, action: "PutObject") {
            try await $0.completeMultipartUpload($1)
        },
        Operation("AbortMultipartUpload", .DELETE, .object, "uploadId", need: .writeObject) {
            try await $0.abortMultipartUpload($1)
        },
        Operation("ListParts", .GET, .object, "uploadId", need: .writeObject) { try $0.listParts($1) },
    ]
}

extension Service {
    private func uploadKey(_ call: Call) throws -> UploadKey {
        UploadKey(key: try call.key, uploadID: call.query.value("uploadId") ?? "")
    }

    private func upload(_ call: Call, ec: String = "0042-00000002") throws -> (UploadKey, Catalogue.Upload) {
        let key = try uploadKey(call)
        guard let upload = try catalogue.upload(key, in: try call.bucket.name) else {
            throw Fault.noSuchUpload(key.uploadID, ec: ec)
        }
        return (key, upload)
    }

    private func partNumber(_ call: Call) throws -> Int {
        let text = call.query.value("partNumber") ?? ""
        guard let number = Int(text), MultipartLimits.partNumbers.contains(number) else {
            throw Fault.invalidArgument(
                "partNumber", text, "Part number must be an integer between 1 and 10000, inclusive.",
                ec: "0017-00000220")
        }
        return number
    }

    func initiateMultipartUpload(_ call: Call) async throws -> Response {
        let bucket = try call.bucket
        let key = try call.key
        _ = try checkOverwrite(call)
        let encodes = try call.encodesNames
        let id =
            Hex.encode(UInt64.random(in: 0 ... .max), uppercase: true)
            + Hex.encode(UInt64.random(in: 0 ... .max), uppercase: true)
        let record = UploadRecord(
            key: key, uploadID: id, initiated: call.request.received,
            attributes: try ObjectAttributes(call.request, bucket: bucket),
            isSequential: call.query.has("sequential"))
        try await catalogue.change(bucket.name, key) { try $0.putUpload(record, in: bucket.name) }
        var response = Response(root: "InitiateMultipartUploadResult") { xml in
            if encodes { xml.element("EncodingType", "url") }
            xml.element("Bucket", bucket.name)
            xml.element("Key", encodes ? Percent.encode(key.bytes) : key.text)
            xml.element("UploadId", id)
        }
        response.setEncryption(record.attributes)
        return response
    }

    func uploadPart(_ call: Call) async throws -> Response {
        let bucket = try call.bucket.name
        let ec = "0042-00000104"
        let number = try partNumber(call)
        let (key, upload) = try upload(call, ec: ec)
        try ObjectAttributes.refuseEncryption(of: call.request)
        try limitUpload(call)
        try Self.checkOrder(number, in: upload, ec: "0042-00000108")
        let body = try await ingest(call, upTo: ObjectLimits.object)
        let part = PartRecord(
            number: number, lastModified: configuration.now(), size: body.size, etag: body.etag, crc64: body.crc64,
            segments: body.segments)
        try await store(part, of: key, in: bucket, ec: ec, existsEC: "0042-00000108")
        withExtendedLifetime(body.lease) {}
        var response = Response()
        response.set("ETag", "\"\(part.etag)\"")
        response.set("Content-MD5", Base64.encode(body.md5))
        response.set("x-oss-hash-crc64ecma", String(part.crc64))
        response.setEncryption(upload.record.attributes)
        return response
    }

    /// The parts of a sequential upload come one after the other, each once.
    private static func checkOrder(_ number: Int, in upload: Catalogue.Upload, ec: String) throws(Fault) {
        guard upload.record.isSequential else { return }
        if let part = upload.parts[number] { throw .partAlreadyExists(part, ec: ec) }
        let next = upload.parts.count + 1
        guard number == next else { throw .partNotSequential(number, expected: next) }
    }

    private func store(
        _ part: PartRecord, of upload: UploadKey, in bucket: String, ec: String, existsEC: String
    ) async throws {
        try await catalogue.change(bucket, upload.key) { catalogue in
            if let found = try catalogue.upload(upload, in: bucket) {
                try Self.checkOrder(part.number, in: found, ec: existsEC)
            }
            try catalogue.putPart(part, of: upload, in: bucket, missing: .noSuchUpload(upload.uploadID, ec: ec))
        }
    }

    func uploadPartCopy(_ call: Call) async throws -> Response {
        let bucket = try call.bucket.name
        let ec = "0042-00000311"
        let number = try partNumber(call)
        let (key, upload) = try upload(call, ec: ec)
        try ObjectAttributes.refuseEncryption(of: call.request)
        _ = try call.request.trafficLimit()
        var source = try copySource(call)
        if source.version.type == .symlink {
            (source.version, source.lease) = try follow(source.version, in: source.bucket, call)
        }
        guard !isFrozen(source.version, in: source.bucket) else { throw Fault.invalidObjectState }
        var start: Int64 = 0
        var length = source.version.size
        var contentRange: String?
        // A range that doesn't fit is none, and the whole is copied.
        if let header = call.request.nonEmptyHeader("x-oss-copy-source-range"),
            case .part(let first, let count) = ResolvedRange(header, size: length, isStandard: false)
        {
            contentRange = "bytes \(first)-\(first + count - 1)/\(length)"
            (start, length) = (first, count)
        }
        // The bytes are shared, not copied; only the checksums of a part of them must be found.
        let segments = Segment.slice(source.version.segments, from: start, length: length)
        guard length <= ObjectLimits.object else { throw Fault.entityTooLarge(length, limit: ObjectLimits.object) }
        let (md5, crc64) = try await checksums(of: segments, in: source.version)
        let part = PartRecord(
            number: number, lastModified: configuration.now(), size: length, etag: Hex.encode(md5, uppercase: true),
            crc64: crc64, segments: segments)
        try await store(part, of: key, in: bucket, ec: ec, existsEC: "0042-00000313")
        withExtendedLifetime(source.lease) {}
        var response = Response(root: "CopyPartResult") { xml in
            xml.element("LastModified", part.lastModified.iso8601)
            xml.element("ETag", "\"\(part.etag)\"")
        }
        response.set("Content-Range", contentRange)
        response.set("ETag", "\"\(part.etag)\"")
        response.set("x-oss-hash-crc64ecma", String(part.crc64))
        response.set("x-oss-copy-source-version-id", source.versionHeader)
        response.setEncryption(upload.record.attributes)
        return response
    }

    /// - Parameter source: the version that they are of, which knows those of the whole.
    private func checksums(
        of segments: [Segment], in source: ObjectVersion? = nil
    ) async throws -> (md5: [UInt8], crc64: UInt64) {
        if let source, segments == source.segments, let md5 = source.contentMD5.flatMap(Base64.decode) {
            return (md5, source.crc64)
        }
        let storage = catalogue.storage
        return try await pool.runIfActive {
            var md5 = Insecure.MD5()
            var crc64 = CRC64()
            let reader = SegmentReader(storage: storage, segments: segments)
            defer { reader.close() }
            while let bytes = try reader.read(upTo: 1 << 20) {
                bytes.withUnsafeReadableBytes { pointer in
                    md5.update(bufferPointer: pointer)
                    crc64.update(pointer)
                }
            }
            return (Array(md5.finalize()), crc64.value)
        }
    }

    func abortMultipartUpload(_ call: Call) async throws -> Response {
        let bucket = try call.bucket.name
        let (key, _) = try upload(call)
        try await catalogue.change(bucket, key.key) { try $0.removeUpload(key, in: bucket) }
        return Response(.noContent)
    }

    // MARK: Completing

    private struct WantedPart: Sendable {
        var number: Int
        var etag: String
    }

    func completeMultipartUpload(_ call: Call) async throws -> Response {
        let bucket = try call.bucket
        let (key, found) = try upload(call)
        let request = call.request
        try ObjectAttributes.refuseEncryption(of: request)
        let callback = try Callback(request)
        let encodes = try call.encodesNames
        let document = try await call.document(root: "CompleteMultipartUpload")
        var wanted: [WantedPart]?
        if let value = request.nonEmptyHeader("x-oss-complete-all") {
            guard value == "yes" else {
                throw Fault.invalidArgument("x-oss-complete-all", value, "The value must be yes.")
            }
            guard document == nil else { throw Fault.completeAllWithBody }
        } else {
            guard let document else { throw Fault.malformedXML }
            wanted = try Self.wantedParts(document)
        }
        let acl = try ObjectAttributes.acl(of: request)
        let forbidOverwrite = try call.forbidsOverwrite()
        let now = configuration.now()
        let whole = found.record.isSequential ? try await contentMD5(of: Self.assemble(found, wanted)) : nil
        let written = try await catalogue.change(bucket.name, key.key) { [wanted] catalogue in
            // Looked at again under the lock: a part may have come, or the upload gone, meanwhile.
            guard let upload = try catalogue.upload(key, in: bucket.name) else {
                throw Fault.noSuchUpload(key.uploadID)
            }
            var draft = try Self.assemble(upload, wanted)
            draft.lastModified = now
            if let whole, whole.etag == draft.etag { draft.contentMD5 = whole.md5 }
            if let acl { draft.attributes.acl = acl }
            let written = try catalogue.putVersion(draft, in: bucket.name, forbidOverwrite: forbidOverwrite)
            try catalogue.removeUpload(key, in: bucket.name)
            return written
        }
        let name = encodes ? Percent.encode(key.key.bytes) : key.key.text
        let location = "\(endpoint)/\(bucket.name)/\(Percent.encode(key.key.bytes, keepingSlash: true))"
        var response = Response(root: "CompleteMultipartUploadResult") { xml in
            if encodes { xml.element("EncodingType", "url") }
            xml.element("Location", location)
            xml.element("Bucket", bucket.name)
            xml.element("Key", name)
            xml.element("ETag", "\"\(written.version.etag)\"")
        }
        response.set("x-oss-hash-crc64ecma", String(written.version.crc64))
        response.set("x-oss-version-id", written.versionHeader)
        response.setEncryption(written.version.attributes)
        if let callback { response = try await perform(callback, for: written.version, call, response) }
        return response
    }

    /// The MD5 of the whole, which the service knows of a sequential upload.
    private func contentMD5(of draft: ObjectVersion) async throws -> (etag: String, md5: String) {
        (draft.etag, Base64.encode(try await checksums(of: draft.segments).md5))
    }

    private static func wantedParts(_ document: XMLNode) throws(Fault) -> [WantedPart] {
        var wanted: [WantedPart] = []
        for node in document.all("Part") {
            guard let number = node.value("PartNumber").flatMap({ Int($0) }), let etag = node.value("ETag") else {
                throw .malformedXML
            }
            if let last = wanted.last, last.number >= number { throw .invalidPartOrder }
            wanted.append(WantedPart(number: number, etag: etag))
        }
        return wanted
    }

    /// Puts the parts together: all of them, or those that the client names. No parts make an empty object.
    private static func assemble(_ upload: Catalogue.Upload, _ wanted: [WantedPart]?) throws(Fault) -> ObjectVersion {
        var parts: [PartRecord] = []
        if let wanted {
            for want in wanted {
                guard let part = upload.parts[want.number],
                    want.etag.filter({ $0 != "\"" }).uppercased() == part.etag
                else { throw .invalidPart(want.number, etag: want.etag, uploadID: upload.record.uploadID) }
                parts.append(part)
            }
        } else {
            parts = upload.parts.map(\.value)
        }
        for part in parts.dropLast() where part.size < MultipartLimits.minimumPartSize {
            throw .entityTooSmall(part.number, size: part.size, etag: part.etag)
        }
        var md5 = Insecure.MD5()
        var crc64: UInt64 = 0
        for part in parts {
            // The text, not the digest: that is how the service's own ETags come out.
            md5.update(data: Array(part.etag.utf8))
            crc64 = CRC64.combine(crc64, part.crc64, secondLength: UInt64(part.size))
        }
        return ObjectVersion(
            key: upload.record.key, versionID: "", sequence: 0, lastModified: upload.record.initiated,
            type: .multipart, size: parts.reduce(0) { $0 + $1.size },
            etag: "\(Hex.encode(md5.finalize(), uppercase: true))-\(parts.count)", crc64: crc64, contentMD5: nil,
            attributes: upload.record.attributes, segments: parts.flatMap(\.segments))
    }

    // MARK: Listing

    func listParts(_ call: Call) throws -> Response {
        let bucket = try call.bucket.name
        let (key, upload) = try upload(call)
        let limit = try call.number("max-parts", default: 1000, in: 1...1000)
        let marker = try call.number("part-number-marker", default: 0, in: 0...Int(Int32.max))
        let encodes = try call.encodesNames
        let rest = upload.parts.map(\.value).filter { $0.number > marker }
        let page = rest.prefix(limit)
        return Response(root: "ListPartsResult") { xml in
            if encodes { xml.element("EncodingType", "url") }
            xml.element("Bucket", bucket)
            xml.element("Key", encodes ? Percent.encode(key.key.bytes) : key.key.text)
            xml.element("UploadId", key.uploadID)
            xml.element("StorageClass", upload.record.attributes.storageClass.rawValue)
            for (element, name) in Self.encryptionElements {
                let field = upload.record.attributes.metadata.first { $0.name == "client-side-encryption-\(name)" }
                xml.optional("ClientEncryption\(element)", field?.value)
            }
            xml.element("PartNumberMarker", marker)
            xml.element("NextPartNumberMarker", page.last?.number ?? 0)
            xml.element("MaxParts", limit)
            xml.element("IsTruncated", page.count < rest.count)
            for part in page {
                xml.element("Part") { xml in
                    xml.element("PartNumber", part.number)
                    xml.element("LastModified", part.lastModified.iso8601)
                    xml.element("ETag", "\"\(part.etag)\"")
                    xml.element("HashCrc64ecma", part.crc64)
                    xml.element("Size", part.size)
                }
            }
        }
    }

    /// What the listing repeats of the metadata that client-side encryption gave to the upload.
    private static let encryptionElements = [
        ("Key", "key"), ("Start", "start"), ("CekAlg", "cek-alg"), ("WrapAlg", "wrap-alg"), ("DataSize", "data-size"),
        ("PartSize", "part-size"),
    ]
}

extension Fault {
    static func partAlreadyExists(_ part: PartRecord, ec: String) -> Fault {
        Fault(
            .conflict, "PartAlreadyExist", "For sequential multipart upload, you can't overwrite uploaded parts.",
            ec: ec
        ).detail("PartNumber", String(part.number)).detail("PartEtag", part.etag)
    }

    static func partNotSequential(_ number: Int, expected: Int) -> Fault {
        Fault(.badRequest, "PartNotSequential", "For sequential multipart upload, parts must come in their order.")
            .detail("PartNumber", String(number)).detail("ExpectedPartNumber", String(expected))
    }
}

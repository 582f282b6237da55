public import OSSRuntime

/// Which bytes of an object to get.
public struct ObjectRange: Sendable, Hashable {
    /// As a `Range` header has it.
    public let headerValue: String

    private init(_ text: String) { headerValue = "bytes=" + text }

    /// The first `count` bytes; all of a shorter object.
    public static func first(_ count: Int64) -> ObjectRange { ObjectRange("0-\(max(0, count - 1))") }

    /// The last `count` bytes; all of a shorter object.
    public static func last(_ count: Int64) -> ObjectRange { ObjectRange("-\(max(0, count))") }

    /// All bytes from an offset on.
    public static func from(_ offset: Int64) -> ObjectRange { ObjectRange("\(max(0, offset))-") }

    /// The bytes at these offsets; those of them that there are.
    public static func bytes(_ offsets: ClosedRange<Int64>) -> ObjectRange {
        ObjectRange("\(max(0, offsets.lowerBound))-\(max(0, offsets.upperBound))")
    }
}

/// Everyday calls with plain parameters; each stands for a request type that can do more.
extension OSSClient {
    /// Stores an object.
    ///
    /// ```swift
    /// try await client.putObject("hello", bucket: "my-bucket", key: "greeting.txt")
    /// ```
    ///
    /// [PutObject](https://www.alibabacloud.com/help/en/oss/developer-reference/putobject)
    ///
    /// - Parameters:
    ///   - body: Text, bytes, a region of a file, or a stream.
    ///   - bucket: The bucket.
    ///   - key: The object's key.
    ///   - contentType: The MIME type. Default: the one that fits the key's extension.
    ///   - metadata: User metadata: letters, digits and hyphens in names, 8 KB in all.
    ///   - options: What this call does differently.
    @discardableResult
    public func putObject(
        _ body: RequestBody, bucket: String, key: String, contentType: String? = nil, metadata: [String: String] = [:],
        options: CallOptions = .init()
    ) async throws -> PutObjectResult {
        try await putObject(
            PutObjectRequest(bucket: bucket, key: key, body: body, metadata: metadata, contentType: contentType),
            options: options)
    }

    /// Stores a file as an object, read in pieces while it is sent.
    ///
    /// The file must not change meanwhile. For large files on lossy networks a multipart upload is the better way.
    ///
    /// - Throws: `OSSError` with the code `fileUnreadable` that names the path; what ``putObject(_:options:)`` throws.
    @discardableResult
    public func putObject(
        fileAt path: String, bucket: String, key: String, contentType: String? = nil, metadata: [String: String] = [:],
        options: CallOptions = .init()
    ) async throws -> PutObjectResult {
        try await putObject(
            .file(at: path), bucket: bucket, key: key, contentType: contentType, metadata: metadata, options: options)
    }

    /// Gets an object, or a range of it. Its content is streamed: read ``GetObjectResult/body``, once.
    ///
    /// [GetObject](https://www.alibabacloud.com/help/en/oss/developer-reference/getobject)
    ///
    /// - Parameters:
    ///   - bucket: The bucket.
    ///   - key: The object's key.
    ///   - range: Which bytes. Default: all, which are compared with the object's CRC-64.
    ///   - options: What this call does differently.
    public func getObject(
        bucket: String, key: String, range: ObjectRange? = nil, options: CallOptions = .init()
    ) async throws -> GetObjectResult {
        try await getObject(
            GetObjectRequest(bucket: bucket, key: key, range: range?.headerValue), options: options)
    }

    /// Gets an object into a file, in constant memory.
    ///
    /// The content is written beside the file, which gets its name (in place of one that has it) only when all of it
    /// is there and its CRC-64 is the object's. After a failure or a cancellation nothing is left.
    ///
    /// - Returns: The reply, whose body has been read.
    /// - Throws: `OSSError` with the code `fileUnwritable` that names the path; what ``getObject(_:options:)`` throws.
    @discardableResult
    public func getObject(
        bucket: String, key: String, toFileAt path: String, options: CallOptions = .init()
    ) async throws -> GetObjectResult {
        let result = try await getObject(GetObjectRequest(bucket: bucket, key: key), options: options)
        try await result.body.write(toFile: path)
        return result
    }

    /// Gets an object's size, type and other properties without its content.
    ///
    /// [HeadObject](https://www.alibabacloud.com/help/en/oss/developer-reference/headobject)
    public func headObject(
        bucket: String, key: String, options: CallOptions = .init()
    ) async throws -> HeadObjectResult {
        try await headObject(HeadObjectRequest(bucket: bucket, key: key), options: options)
    }

    /// Deletes an object; one that isn't there is no error.
    ///
    /// [DeleteObject](https://www.alibabacloud.com/help/en/oss/developer-reference/deleteobject)
    @discardableResult
    public func deleteObject(
        bucket: String, key: String, options: CallOptions = .init()
    ) async throws -> DeleteObjectResult {
        try await deleteObject(DeleteObjectRequest(bucket: bucket, key: key), options: options)
    }

    /// The objects of a bucket whose keys begin with `prefix`, in order of their keys, page after page as the loop
    /// goes on.
    ///
    /// ```swift
    /// for try await object in client.listObjects(bucket: "photos", prefix: "2024/") {
    ///     print(object.key, object.size)
    /// }
    /// ```
    ///
    /// [ListObjectsV2](https://www.alibabacloud.com/help/en/oss/developer-reference/listobjectsv2)
    public func listObjects(
        bucket: String, prefix: String? = nil, options: CallOptions = .init()
    ) -> PaginatedItems<ListObjectsV2Result, ObjectProperties> {
        listObjectsV2Pages(ListObjectsV2Request(bucket: bucket, prefix: prefix, maxKeys: 1000), options: options)
            .items(\.contents)
    }

    /// Whether an object exists.
    ///
    /// - Throws: `OSSError` for anything but a plain yes or no: a bucket that doesn't exist, denied access, a network
    ///   that fails.
    public func objectExists(bucket: String, key: String, options: CallOptions = .init()) async throws -> Bool {
        do {
            // The cheapest: a reply without the object's user metadata.
            _ = try await getObjectMeta(GetObjectMetaRequest(bucket: bucket, key: key), options: options)
            return true
        } catch let error as OSSError where error.code == .noSuchKey {
            return false
        }
    }

    /// Whether a bucket of this name exists.
    ///
    /// - Throws: `OSSError` for anything but a plain yes or no: with the code `accessDenied` for somebody else's bucket.
    public func bucketExists(_ bucket: String, options: CallOptions = .init()) async throws -> Bool {
        do {
            _ = try await getBucketAcl(GetBucketAclRequest(bucket: bucket), options: options)
            return true
        } catch let error as OSSError where error.code == .noSuchBucket {
            return false
        }
    }

    /// Deletes all objects whose keys begin with `prefix`, up to 1000 at once, in memory for one page of the list.
    ///
    /// In a bucket with versioning they get delete markers; former versions stay. When it throws, some objects may
    /// have been deleted already; it can be called again.
    ///
    /// - Parameters:
    ///   - bucket: The bucket.
    ///   - prefix: What the keys begin with. An empty one means all objects of the bucket.
    ///   - options: What the calls do differently.
    /// - Returns: How many objects were deleted.
    @discardableResult
    public func deleteObjects(bucket: String, prefix: String, options: CallOptions = .init()) async throws -> Int {
        var count = 0
        let pages = listObjectsV2Pages(
            ListObjectsV2Request(bucket: bucket, prefix: prefix, maxKeys: 1000), options: options)
        for try await page in pages where !page.contents.isEmpty {
            let objects = page.contents.map { ObjectIdentifier(key: $0.key) }
            try await deleteMultipleObjects(
                DeleteMultipleObjectsRequest(bucket: bucket, delete: Delete(objects: objects, quiet: true)),
                options: options)
            count += objects.count
        }
        return count
    }
}

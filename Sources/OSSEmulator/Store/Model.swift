/// What is stored: buckets, versions of objects, uploads in progress and their parts.

enum BucketACL: String, Sendable {
    case `private`
    case publicRead = "public-read"
    case publicReadWrite = "public-read-write"
}

enum ObjectACL: String, Sendable {
    case `default`
    case `private`
    case publicRead = "public-read"
    case publicReadWrite = "public-read-write"
}

enum StorageClass: String, Sendable, CaseIterable {
    case standard = "Standard"
    case infrequentAccess = "IA"
    case archive = "Archive"
    case coldArchive = "ColdArchive"
    case deepColdArchive = "DeepColdArchive"

    /// Whether an object must be restored before it can be read.
    var needsRestore: Bool {
        self == .archive || self == .coldArchive || self == .deepColdArchive
    }
}

enum VersioningStatus: String, Sendable {
    case enabled = "Enabled"
    case suspended = "Suspended"
}

enum ObjectType: String, Sendable {
    case normal = "Normal"
    case appendable = "Appendable"
    case multipart = "Multipart"
    case symlink = "Symlink"
}

/// How soon an archived object is wanted, the most urgent last.
enum RestoreTier: String, Sendable, CaseIterable, Comparable {
    case bulk = "Bulk"
    case standard = "Standard"
    case expedited = "Expedited"

    private var urgency: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    static func < (left: RestoreTier, right: RestoreTier) -> Bool { left.urgency < right.urgency }
}

/// An archived object's way to being readable: under way until `ready`, over at `end`.
struct ObjectRestore: Sendable, Equatable {
    var ready: EmulatorInstant
    var end: EmulatorInstant
    /// Archive has none.
    var tier: RestoreTier?
}

/// Until when a version must stay.
struct ObjectRetention: Sendable, Equatable {
    enum Mode: String, Sendable {
        /// Those who say so may break it.
        case governance = "GOVERNANCE"
        /// Nobody may.
        case compliance = "COMPLIANCE"
    }

    var mode: Mode
    var until: EmulatorInstant
}

struct Tag: Sendable, Equatable {
    var key: String
    var value: String
}

struct HeaderField: Sendable, Equatable {
    var name: String
    var value: String
}

/// Names one run of stored bytes. Drawn by the server, so that nothing a client says reaches a file's name.
struct BlobID: Hashable, Sendable {
    let value: UInt64

    static func random() -> BlobID { BlobID(value: .random(in: 1 ... .max)) }
}

/// A piece of an object: a region of a blob.
struct Segment: Sendable, Equatable {
    var blob: BlobID
    var offset: Int64
    var length: Int64

    /// The segments of a region of the bytes that `segments` make together.
    static func slice(_ segments: [Segment], from start: Int64, length: Int64) -> [Segment] {
        var result: [Segment] = []
        var skip = start
        var rest = length
        for segment in segments where rest > 0 {
            if skip >= segment.length {
                skip -= segment.length
                continue
            }
            let count = min(segment.length - skip, rest)
            result.append(Segment(blob: segment.blob, offset: segment.offset + skip, length: count))
            skip = 0
            rest -= count
        }
        return result
    }
}

struct BucketRecord: Sendable {
    var name: String
    var ownerID: String
    var created: EmulatorInstant
    var acl: BucketACL
    var storageClass: StorageClass
    var redundancy: String
    var versioning: VersioningStatus?
    var resourceGroupID: String
    /// Configurations by their sub-resource, as they are to be answered.
    var documents: [String: [UInt8]] = [:]
}

/// What an account has set for itself, apart from its buckets.
struct AccountRecord: Sendable {
    var id: String
    /// Configurations by their name.
    var documents: [String: [UInt8]] = [:]
}

/// The headers that a client gives to an object and gets back.
struct ObjectAttributes: Sendable, Equatable {
    var contentType: String
    /// Cache-Control, Content-Disposition, Content-Encoding, Content-Language, Expires, as given.
    var standardHeaders: [HeaderField] = []
    /// User metadata, names without `x-oss-meta-`.
    var metadata: [HeaderField] = []
    /// Server-side encryption headers, echoed.
    var encryption: [HeaderField] = []
    var storageClass: StorageClass
    var acl: ObjectACL
    var tags: [Tag] = []
    var retention: ObjectRetention?
    /// Nil where it was never said.
    var isOnLegalHold: Bool?

    static let defaultContentType = "application/octet-stream"
}

struct ObjectVersion: Sendable {
    var key: ObjectKey
    /// `null` for what was written while the bucket had no versioning.
    var versionID: String
    /// Grows with every version; newest first is by this.
    var sequence: UInt64
    var lastModified: EmulatorInstant
    var isDeleteMarker = false
    var type: ObjectType
    var size: Int64
    /// Without quotes.
    var etag: String
    var crc64: UInt64
    /// Base64; only where the MD5 of the whole is known.
    var contentMD5: String?
    var attributes: ObjectAttributes
    var segments: [Segment]
    /// Of a symbolic link.
    var symlinkTarget: ObjectKey?
    /// Of an archived object that somebody wants to read.
    var restore: ObjectRestore?
    /// Of an appendable object that takes no more.
    var sealed: EmulatorInstant?
    /// The last read, where the bucket has access monitoring.
    var lastAccess: EmulatorInstant?

    static let nullID = "null"
}

struct UploadRecord: Sendable {
    var key: ObjectKey
    var uploadID: String
    var initiated: EmulatorInstant
    var attributes: ObjectAttributes
    /// Parts arrive in order, and the service then knows the MD5 of the whole.
    var isSequential: Bool
}

struct PartRecord: Sendable {
    var number: Int
    var lastModified: EmulatorInstant
    var size: Int64
    var etag: String
    var crc64: UInt64
    var segments: [Segment]
}

/// Orders uploads as they are listed.
struct UploadKey: Comparable, Hashable, Sendable {
    var key: ObjectKey
    var uploadID: String

    static func < (left: UploadKey, right: UploadKey) -> Bool {
        if left.key != right.key { return left.key < right.key }
        return left.uploadID.utf8.lexicographicallyPrecedes(right.uploadID.utf8)
    }
}

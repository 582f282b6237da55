import NIOHTTP1

/// An error as the service answers it.
struct Fault: Error, Sendable {
    var status: HTTPResponseStatus
    var code: String
    var message: String
    /// The service's number for the exact cause; empty where it isn't known to us.
    var ec = ""
    /// Further elements of the document.
    var details: [HeaderField] = []
    var headers: [HeaderField] = []

    init(
        _ status: HTTPResponseStatus, _ code: String, _ message: String, ec: String = "", details: [HeaderField] = []
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.ec = ec
        self.details = details
    }

    func detail(_ name: String, _ value: String) -> Fault {
        var fault = self
        fault.details.append(HeaderField(name: name, value: value))
        return fault
    }

    func header(_ name: String, _ value: String) -> Fault {
        var fault = self
        fault.headers.append(HeaderField(name: name, value: value))
        return fault
    }

    func deleteMarker(_ versionID: String) -> Fault {
        header("x-oss-delete-marker", "true").header("x-oss-version-id", versionID)
    }
}

// MARK: - Credentials and access

extension Fault {
    static let invalidAccessKeyID = Fault(
        .forbidden, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.",
        ec: "0002-00000902")

    static func signatureDoesNotMatch(
        accessKeyID: String, provided: String, stringToSign: String, canonicalRequest: String? = nil
    ) -> Fault {
        let fault = Fault(
            .forbidden, "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided."
                + " Check your key and signing method.",
            ec: "0002-00000201"
        )
        .detail("OSSAccessKeyId", accessKeyID)
        .detail("SignatureProvided", provided)
        .detail("StringToSign", stringToSign)
        return canonicalRequest.map { fault.detail("CanonicalRequest", $0) } ?? fault
    }

    static func requestTimeTooSkewed(requested: EmulatorInstant, now: EmulatorInstant) -> Fault {
        Fault(
            .forbidden, "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.", ec: "0002-00000504"
        )
        .detail("MaxAllowedSkewMilliseconds", String(Authenticator.maximumSkew))
        .detail("RequestTime", requested.iso8601)
        .detail("ServerTime", now.iso8601)
    }

    static func requestHasExpired(expires: EmulatorInstant, now: EmulatorInstant) -> Fault {
        Fault(.forbidden, "AccessDenied", "Request has expired.", ec: "0002-00000069")
            .detail("Expires", expires.iso8601)
            .detail("ServerTime", now.iso8601)
    }

    /// A temporary key came without its token.
    static let missingSecurityToken = Fault(
        .forbidden, "InvalidAccessKeyId",
        "The OSS Access Key Id you provided does not exist in our records."
            + " The Security Token may be lost to specify that it is a STS Access Id.",
        ec: "0002-00000003")

    static let invalidSecurityToken = Fault(
        .forbidden, "InvalidSecurityToken", "The security token you provided is invalid.", ec: "0002-00000008")

    static let securityTokenExpired = Fault(
        .forbidden, "SecurityTokenExpired", "The security token you provided has expired.", ec: "0002-00000007")

    static func malformedAuthorization(_ message: String, ec: String = "") -> Fault {
        Fault(.badRequest, "InvalidArgument", message, ec: ec)
    }

    static func incompleteSignedURL(ec: String) -> Fault {
        Fault(
            .forbidden, "AccessDenied",
            "Query-string authentication requires the Signature, Expires and OSSAccessKeyId parameters", ec: ec)
    }

    static let accessDenied = Fault(
        .forbidden, "AccessDenied", "You have no right to access this object because of bucket acl.",
        ec: "0003-00000001")

    static let anonymousDenied = Fault(
        .forbidden, "AccessDenied", "Anonymous access is forbidden for this operation.")

    static let notTheOwner = Fault(
        .forbidden, "AccessDenied", "The bucket you access does not belong to you.", ec: "0003-00000001")
}

// MARK: - Requests

extension Fault {
    static func invalidArgument(_ name: String, _ value: String, _ message: String, ec: String = "") -> Fault {
        Fault(.badRequest, "InvalidArgument", message, ec: ec)
            .detail("ArgumentName", name).detail("ArgumentValue", value)
    }

    static let malformedXML = Fault(
        .badRequest, "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema.",
        ec: "0015-00000231")

    static let missingArgument = Fault(.badRequest, "MissingArgument", "Missing Some Required Arguments.")

    static let missingContentLength = Fault(
        .lengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")

    static let bodyTooLarge = Fault(
        .badRequest, "InvalidArgument", "The request body is larger than this operation allows.")

    static let metadataTooLarge = Fault(
        .badRequest, "InvalidArgument", "The total size of the user metadata must not exceed 8 KB.")

    static func invalidDigest(provided: String, calculated: String?) -> Fault {
        let fault = Fault(.badRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.")
            .detail("ExpectedDigest", provided)
        return calculated.map { fault.detail("CalculatedDigest", $0) } ?? fault
    }

    static let invalidURI = Fault(.badRequest, "InvalidURI", "The URI of the request could not be parsed.")

    static let methodNotAllowed = Fault(
        .methodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    static func notImplemented(_ what: String) -> Fault {
        Fault(
            .notImplemented, "NotImplemented",
            "A header or parameter you provided asks for something that is not here yet."
        )
        .detail("Feature", what)
    }

    static let internalError = Fault(
        .internalServerError, "InternalError", "We encountered an internal error. Please try again.")
}

// MARK: - Buckets

extension Fault {
    static func noSuchBucket(_ name: String) -> Fault {
        Fault(.notFound, "NoSuchBucket", "The specified bucket does not exist.", ec: "0015-00000101")
            .detail("BucketName", name)
    }

    static func invalidBucketName(_ name: String) -> Fault {
        Fault(.badRequest, "InvalidBucketName", "The specified bucket is not valid.", ec: "0015-00000001")
            .detail("BucketName", name)
    }

    static func bucketAlreadyExists(_ name: String) -> Fault {
        Fault(
            .conflict, "BucketAlreadyExists",
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system."
                + " Please select a different name and try again.",
            ec: "0015-00000104"
        ).detail("BucketName", name)
    }

    static func bucketNotEmpty(_ name: String) -> Fault {
        Fault(.conflict, "BucketNotEmpty", "The bucket has objects. Please delete them first.", ec: "0015-00000301")
            .detail("BucketName", name)
    }

    static func bucketHasUploads(_ name: String) -> Fault {
        Fault(.conflict, "BucketNotEmpty", "The bucket has multipart uploads. Please abort them first.")
            .detail("BucketName", name)
    }

    static let noSuchBucketACL = Fault(
        .badRequest, "InvalidArgument", "no such bucket access control exists", ec: "0015-00000204")

    static let noSuchBucketStorageClass = Fault(
        .badRequest, "InvalidArgument", "No such bucket storage class exists.", ec: "0013-00000101")
}

// MARK: - Objects

extension Fault {
    static func noSuchKey(_ key: ObjectKey) -> Fault {
        Fault(.notFound, "NoSuchKey", "The specified key does not exist.", ec: "0026-00000001")
            .detail("Key", key.text)
    }

    static func noSuchVersion(_ key: ObjectKey, _ versionID: String?) -> Fault {
        Fault(.notFound, "NoSuchVersion", "The specified version does not exist.", ec: "0012-00000203")
            .detail("Key", key.text).detail("VersionId", versionID ?? "")
    }

    static func markerNotAllowed(_ marker: ObjectVersion) -> Fault {
        methodNotAllowed.detail("Method", "GET").detail("ResourceType", "DeleteMarker")
            .deleteMarker(marker.versionID).header("Allow", "DELETE")
    }

    static let invalidObjectName = Fault(.badRequest, "InvalidObjectName", "The specified object is not valid.")

    static func fileAlreadyExists(_ key: ObjectKey) -> Fault {
        Fault(
            .conflict, "FileAlreadyExists", "The object you specified already exists and can not be overwritten.",
            ec: "0026-00000002"
        ).detail("Key", key.text)
    }

    static let noSuchObjectACL = Fault(
        .badRequest, "InvalidArgument", "no such object access control exists", ec: "0017-00000104")

    static func noSuchStorageClass(_ value: String) -> Fault {
        invalidArgument("x-oss-storage-class", value, "No such object storage class exists.")
    }

    static let invalidObjectState = Fault(
        .forbidden, "InvalidObjectState", "The operation is not valid for the object's state", ec: "0016-00000404")

    static func preconditionFailed(_ condition: String) -> Fault {
        Fault(
            .preconditionFailed, "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold."
        ).detail("Condition", condition)
    }

    /// Not an error document: a 304 has no body.
    static let notModified = Fault(.notModified, "NotModified", "")

    static func invalidRange(_ range: String, size: Int64) -> Fault {
        Fault(.rangeNotSatisfiable, "InvalidRange", "The requested range cannot be satisfied.")
            .detail("ActualObjectSize", String(size)).detail("RangeRequested", range)
            .header("Content-Range", "bytes */\(size)")
    }

    static func positionNotEqualToLength(_ length: Int64) -> Fault {
        Fault(.conflict, "PositionNotEqualToLength", "Position is not equal to file length")
            .header("x-oss-next-append-position", String(length))
    }

    static let objectNotAppendable = Fault(
        .conflict, "ObjectNotAppendable", "The object is not appendable", ec: "0026-00000017")

    static func invalidTag(_ message: String) -> Fault {
        Fault(.badRequest, "InvalidTag", message)
    }
}

// MARK: - Callbacks

extension Fault {
    /// What every callback comes to that nobody answers.
    static let callbackFailed = callbackFailed("Error status : 502.")
}

// MARK: - Multipart uploads

extension Fault {
    static func noSuchUpload(_ uploadID: String, ec: String = "0042-00000002") -> Fault {
        Fault(
            .notFound, "NoSuchUpload",
            "The specified upload does not exist."
                + " The upload ID may be invalid, or the upload may have been aborted or completed.",
            ec: ec
        ).detail("UploadId", uploadID)
    }

    static func invalidPart(_ number: Int, etag: String, uploadID: String) -> Fault {
        Fault(
            .badRequest, "InvalidPart",
            "One or more of the specified parts could not be found or the specified entity tag might not have matched"
                + " the part's entity tag."
        ).detail("PartNumber", String(number)).detail("ETag", etag).detail("UploadId", uploadID)
    }

    static let invalidPartOrder = Fault(
        .badRequest, "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts list must specified in order by part number.",
        ec: "0042-00000209")

    static func entityTooSmall(_ number: Int, size: Int64, etag: String) -> Fault {
        Fault(
            .badRequest, "EntityTooSmall", "Your proposed upload smaller than the minimum allowed size.",
            ec: "0042-00000213"
        )
        .detail("MinSizeAllowed", String(MultipartLimits.minimumPartSize)).detail("ProposedSize", String(size))
        .detail("PartNumber", String(number)).detail("ETag", etag)
    }

    static let completeAllWithBody = Fault(
        .badRequest, "InvalidArgument", "Should not speficy both complete all header and http body.",
        ec: "0042-00000216")
}

import SpecModel
import Testing

@testable import SwiftEmitter

@Suite struct NamingTests {
    @Test(arguments: [
        ("bucket", "bucket"), ("id", "id"), ("versionId", "versionID"), ("versionIdMarker", "versionIDMarker"),
        ("uploadIds", "uploadIDs"), ("contentMd5", "contentMD5"), ("md5", "md5"), ("hashCrc64", "hashCRC64"),
        ("kmsMasterKeyId", "kmsMasterKeyID"), ("sseAlgorithm", "sseAlgorithm"), ("targetUrl", "targetURL"),
        ("objectAcl", "objectACL"), ("acl", "acl"), ("etag", "etag"), ("etagMatch", "etagMatch"),
        ("isTruncated", "isTruncated"), ("multiPartUploadCount", "multiPartUploadCount"), ("httpsOnly", "httpsOnly"),
        ("x509Data", "x509Data"), ("objectWormMode", "objectWORMMode"), ("allowHttp", "allowHTTP"),
    ])
    func members(key: String, name: String) {
        #expect(Naming.member(key) == name)
    }

    @Test(arguments: [
        ("public-read", "publicRead"), ("IA", "ia"), ("ColdArchive", "coldArchive"), ("private", "private"),
        ("AES256", "aes256"), ("oss_acc", "ossAcc"), ("GOVERNANCE", "governance"), ("KMS", "kms"), ("ETag", "etag"),
        ("Crc64", "crc64"), ("IsMultipartUploaded", "isMultipartUploaded"), ("GET", "get"), ("text/csv", "textCSV"),
        ("a.b c", "aBC"), ("DeepColdArchive", "deepColdArchive"), ("ON", "on"),
    ])
    func values(raw: String, name: String) {
        #expect(Naming.enumValue(raw) == name)
    }

    @Test(arguments: ["", "3D", "1.0", "*", "标准", " "])
    func valuesThatNeedANameOfTheirOwn(raw: String) {
        #expect(Naming.enumValue(raw) == nil)
    }

    @Test(arguments: [
        ("PutBucketAcl", "putBucketAcl"), ("ListObjectsV2", "listObjectsV2"), ("Get", "get"), ("RTCPut", "rtcPut"),
    ])
    func methods(operation: String, name: String) {
        #expect(Naming.method(operation) == name)
    }

    @Test(arguments: [
        ("private", "`private`"), ("default", "`default`"), ("in", "`in`"), ("name", "name"), ("get", "get"),
    ])
    func keywords(name: String, escaped: String) {
        #expect(Naming.escaped(name) == escaped)
    }

    @Test func methodsCollide() {
        func operation(_ name: String, _ waiter: String) -> String {
            """
            "\(name)": { "doc": "D.", "link": "https://e.com", "http": { "method": "GET", "uri": "/" }, "waiters": {
            "\(waiter)": { "doc": "D.", "acceptors": [{ "state": "success", "success": true }] } } }
            """
        }
        let operations = [
            operation("GetThing", "ThingExists"), operation("GetOther", "ThingExists"),
            operation("WaitUntilReady", "OtherExists"), operation("GetLast", "Ready"),
        ]
        var diagnostics = Diagnostics()
        let files = [
            SourceFile(
                path: "Spec/oss/service.json", text: #"{ "service": "oss", "client": "OSSClient", "module": "OSS" }"#),
            SourceFile(
                path: "Spec/oss/thing.json",
                text: "{ \"feature\": \"Thing\", \"operations\": {\n\(operations.joined(separator: ",\n")) } }"),
        ]
        let service = SpecLoader.load(folder: "oss", files: files, &diagnostics)
        if let service { _ = Emitter(service, &diagnostics) }
        #expect(
            diagnostics.sorted.map(\.text) == [
                "Spec/oss/thing.json:5:1: error: two methods have the Swift name 'waitUntilThingExists' — "
                    + "also Spec/oss/thing.json:3",
                "Spec/oss/thing.json:9:1: error: two methods have the Swift name 'waitUntilReady' — "
                    + "also Spec/oss/thing.json:6",
            ])
    }

    @Test(arguments: [
        // Two members
        (
            #""versionId": { "type": "String", "doc": "D." }, "versionID": { "type": "String", "xmlName": "V", "doc": "D." }"#,
            "",
            [
                "3:49: error: members 'versionId' and 'versionID' have the same Swift name 'versionID' — give a 'swiftName'"
            ]
        ),
        // A member that every result has, and a way out
        (
            #""response": { "type": "String", "doc": "D." }"#, "",
            ["3:1: error: the Swift name 'response' is taken by generated code — give another 'swiftName'"]
        ),
        (#""response": { "type": "String", "swiftName": "answer", "doc": "D." }"#, "", []),
        (
            #""a": { "type": "String", "swiftName": "1a", "doc": "D." }"#, "",
            ["3:39: error: '1a' cannot be the name of a Swift member — give a 'swiftName'"]
        ),
        // Two values, values without a name, reserved values
        (
            #""s": { "type": "S", "doc": "D." }"#,
            #""S": { "doc": "D.", "enum": ["a-b", "a_b", "3D", "none", { "value": "*", "swiftName": "all" }] }"#,
            [
                "6:37: error: values 'a-b' and 'a_b' have the same Swift name 'aB' — give a 'swiftName'",
                "6:44: error: no Swift name can be made of the value '3D' — give a 'swiftName'",
                "6:50: error: the Swift name 'none' is taken in every enumeration — give another 'swiftName'",
            ]
        ),
        // Types
        (
            #""s": { "type": "GetThingResult", "doc": "D." }, "t": { "type": "Date", "doc": "D." }"#,
            """
            "GetThingResult": { "doc": "D.", "enum": ["a"] },
            "Date": { "doc": "D.", "enum": ["a"] }
            """,
            [
                "6:1: error: two types have the Swift name 'GetThingResult' — also Spec/oss/thing.json:1; give a 'swiftName'",
                "7:1: error: shape 'Date' has the name of a type that generated code uses — give another 'swiftName'",
            ]
        ),
    ])
    func collisions(output: String, shapes: String, expected: [String]) {
        let feature = """
            { "feature": "Thing", "operations": { "GetThing": { "doc": "D.", "link": "https://e.com",
            "http": { "method": "GET", "uri": "/" }, "outputXmlName": "R", "output": {
            \(output)
            } } }, "shapes": {

            \(shapes)
            } }
            """
        var diagnostics = Diagnostics()
        let files = [
            SourceFile(
                path: "Spec/oss/service.json",
                text: #"{ "service": "oss", "client": "OSSClient", "module": "OSS" }"#),
            SourceFile(path: "Spec/oss/thing.json", text: feature),
        ]
        let service = SpecLoader.load(folder: "oss", files: files, &diagnostics)
        if let service { _ = Emitter(service, &diagnostics) }
        #expect(diagnostics.sorted.map(\.text) == expected.map { "Spec/oss/thing.json:" + $0 })
    }
}

import SpecModel

/// A small service that has nothing wrong; tests replace parts of it.
struct SpecFixture {
    var service = """
        { "service": "oss", "client": "OSSClient", "module": "OSS", "doc": "A service.",
          "shapes": {
            "Owner": { "doc": "An owner.", "members": { "id": { "type": "String", "xmlName": "ID", "doc": "Its id." } } }
          } }
        """
    var operations: String
    var shapes = ""
    var file = "thing.json"

    /// An operation with `extra` behind its `http`.
    static func operation(_ extra: String, uri: String = "/{bucket}", method: String = "GET", bucket: String = bucket)
        -> String
    {
        """
        "GetThing": { "doc": "Gets.", "link": "https://example.com/", "http": { "method": "\(method)", "uri": "\(uri)" },
        \(extra) }
        """
    }

    static let bucket = #""bucket": { "type": "String", "label": true, "required": true, "doc": "The bucket." }"#

    /// The operation's input has `members` besides the bucket.
    static func input(_ members: String, uri: String = "/{bucket}", method: String = "PUT", extra: String = "")
        -> SpecFixture
    {
        var fixture = SpecFixture(
            operations: operation(
                "\"input\": { \(bucket)\(members.isEmpty ? "" : ",\n\(members)") }\(extra)", uri: uri, method: method))
        fixture.service = "{ \"service\": \"oss\", \"client\": \"OSSClient\", \"module\": \"OSS\" }"
        return fixture
    }

    /// The operation's output has `members`.
    static func output(
        _ members: String, root: String? = "Root", shapes: String = "", extra: String = "", method: String = "GET"
    ) -> SpecFixture {
        let root = root.map { ",\n\"outputXmlName\": \"\($0)\"" } ?? ""
        var fixture = SpecFixture(
            operations: operation(
                "\"input\": { \(bucket) }, \"output\": {\n\(members) }\(root)\(extra)", method: method), shapes: shapes)
        fixture.service = "{ \"service\": \"oss\", \"client\": \"OSSClient\", \"module\": \"OSS\" }"
        return fixture
    }

    var files: [SourceFile] {
        let shapes = shapes.isEmpty ? "" : ",\n\"shapes\": {\n\(shapes)\n}"
        return [
            SourceFile(path: "Spec/oss/service.json", text: service),
            SourceFile(
                path: "Spec/oss/\(file)",
                text: "{ \"feature\": \"Thing\", \"operations\": {\n\(operations)\n}\(shapes) }"),
        ]
    }

    func load() -> (service: Service?, diagnostics: Diagnostics) {
        var diagnostics = Diagnostics()
        let service = SpecLoader.load(folder: "oss", files: files, &diagnostics)
        return (service, diagnostics)
    }

    var messages: [String] { load().diagnostics.sorted.map(\.text) }
}

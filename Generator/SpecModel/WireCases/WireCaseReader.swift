/// Reads files of wire cases and checks them against the spec: every operation and member must be known.
///
/// What is wrong with one case stays with it, so that the others can be run.
public struct WireCaseReader {
    private let service: Service
    private let operations: [String: Operation]

    public init(_ service: Service) {
        self.service = service
        operations = Dictionary(service.operations.map { ($0.name.value, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Nil where the file is for another service or cannot be read at all; the latter is reported.
    public func read(_ file: SourceFile, into diagnostics: inout Diagnostics) -> WireCaseFile? {
        guard let node = JSONParser.parse(file, into: &diagnostics),
            var reader = ObjectReader(node, "a file of wire cases", &diagnostics)
        else { return nil }
        _ = reader.node("$schema")
        let name = reader.text("service", &diagnostics)
        let cases = reader.node("cases")
        if let name, name.value != service.name { return nil }
        reader.finish(&diagnostics)
        if name == nil { diagnostics.error("a file of wire cases needs 'service'", at: reader.location) }
        guard let nodes = cases?.array else {
            diagnostics.error("a file of wire cases needs 'cases', an array", at: cases?.location ?? reader.location)
            return nil
        }
        return WireCaseFile(file: file, service: service.name, cases: nodes.map { readCase($0) })
    }

    /// The service a file is for, if it says so.
    public static func service(of file: SourceFile) -> String? {
        var ignored = Diagnostics()
        return JSONParser.parse(file, into: &ignored)?["service"]?.string
    }

    private func readCase(_ node: JSONNode) -> WireCase {
        var found = Diagnostics()
        var result = WireCase(id: Located("?", at: node.location), operation: Located("?", at: node.location))
        guard var reader = ObjectReader(node, "a wire case", &found) else {
            result.mistakes = found.all
            return result
        }
        if let id = reader.text("id", &found) { result.id = id }
        let operation = reader.text("operation", &found)
        if let operation { result.operation = operation }
        if reader.node("id") == nil { found.error("a wire case needs 'id'", at: node.location) }
        if reader.node("operation") == nil { found.error("a wire case needs 'operation'", at: node.location) }
        result.isPartial = reader.flag("partial", &found) != nil
        _ = reader.string("doc", &found)
        result.config = reader.node("config")
        result.input = reader.node("input")
        result.request = reader.node("request")
        result.response = reader.node("response")
        result.output = reader.node("output")
        result.error = reader.node("error")
        reader.finish(&found)
        result.config.map { checkConfig($0, &found) }
        result.request.map { checkRequest($0, &found) }
        result.response.map { checkResponse($0, &found) }
        result.error.map { checkError($0, &found) }
        checkParts(result, &found)

        var unknown = Diagnostics()
        if let operation {
            if let known = operations[operation.value] {
                let converter = WireValueConverter(service: service)
                let owner = known.name.value
                if result.request != nil {
                    result.arguments = converter.members(
                        of: result.input, known.input, "the input of '\(owner)'", requiresAll: true,
                        at: node.location, &found, &unknown)
                } else if let input = result.input {
                    _ = converter.members(
                        of: input, known.input, "the input of '\(owner)'", requiresAll: false, at: node.location,
                        &found, &unknown)
                }
                if let output = result.output {
                    _ = converter.members(
                        of: output, known.output, "the output of '\(owner)'", requiresAll: false, at: node.location,
                        &found, &unknown)
                }
            } else {
                unknown.error(
                    "unknown operation '\(operation.value)'", at: operation.location,
                    hint: didYouMean(operation.value, operations.keys.sorted()))
            }
        }
        result.mistakes = found.all
        result.unknown = unknown.all
        if !result.isGood { result.arguments = nil }
        return result
    }

    private func checkParts(_ wire: WireCase, _ found: inout Diagnostics) {
        let place = wire.id.location
        if wire.request == nil, wire.response == nil {
            found.error("a wire case needs 'request' or 'response'", at: place)
        }
        if wire.output != nil, let error = wire.error {
            found.error("a response has 'output' or 'error', not both", at: error.location)
        }
        if wire.response == nil, let extra = wire.output ?? wire.error {
            found.error("'output' and 'error' go with a 'response'", at: extra.location)
        }
    }

    private func checkConfig(_ node: JSONNode, _ found: inout Diagnostics) {
        guard var reader = ObjectReader(node, "'config'", &found) else { return }
        for key in ["region", "endpoint", "accountId"] where reader.node(key)?.isNull == false {
            _ = reader.string(key, &found)
        }
        if let addressing = reader.string("addressing", &found),
            !["virtual", "path", "cname"].contains(addressing.value)
        {
            found.error(
                "unknown addressing '\(addressing.value)'", at: addressing.location,
                hint: "one of virtual, path, cname")
        }
        reader.finish(&found)
    }

    private func checkRequest(_ node: JSONNode, _ found: inout Diagnostics) {
        guard var reader = ObjectReader(node, "'request'", &found) else { return }
        for key in ["method", "host", "path"] { _ = reader.string(key, &found) }
        for key in ["query", "headers"] { checkTexts(reader.map(key, &found), &found) }
        for key in ["presentHeaders", "absentHeaders"] { _ = reader.strings(key, &found) }
        reader.node("body").map { checkBody($0, &found) }
        reader.finish(&found)
    }

    private func checkResponse(_ node: JSONNode, _ found: inout Diagnostics) {
        guard var reader = ObjectReader(node, "'response'", &found) else { return }
        if reader.integer("status", &found) == nil, reader.node("status") == nil {
            found.error("'response' needs 'status'", at: node.location)
        }
        checkTexts(reader.map("headers", &found), &found)
        reader.node("body").map { checkBody($0, &found) }
        reader.finish(&found)
    }

    private func checkError(_ node: JSONNode, _ found: inout Diagnostics) {
        guard var reader = ObjectReader(node, "'error'", &found) else { return }
        for key in ["code", "message", "ec", "requestId", "hostId", "endpoint"] { _ = reader.string(key, &found) }
        _ = reader.integer("status", &found)
        reader.finish(&found)
    }

    private func checkTexts(_ members: [JSONMember], _ found: inout Diagnostics) {
        for member in members where member.value.string == nil {
            found.error("'\(member.key)' must be a string, not \(member.value.kind)", at: member.value.location)
        }
    }

    private func checkBody(_ node: JSONNode, _ found: inout Diagnostics) {
        guard var reader = ObjectReader(node, "a body", &found) else { return }
        var forms = 0
        if reader.flag("none", &found) != nil { forms += 1 }
        for key in ["text", "xml"] where reader.string(key, &found) != nil { forms += 1 }
        if let text = reader.string("base64", &found) {
            forms += 1
            if !Base64.isValid(text.value) { found.error("this is not Base64", at: text.location) }
        }
        if reader.node("json") != nil { forms += 1 }
        reader.finish(&found)
        if forms != 1 { found.error("a body is one of none, text, base64, json, xml", at: node.location) }
    }

    /// Whether every operation has its cases, and every case its own name.
    public func checkCoverage(_ files: [WireCaseFile], _ diagnostics: inout Diagnostics) {
        var ids: [String: SourceLocation] = [:]
        var requests: Set<String> = []
        var responses: Set<String> = []
        for wire in files.sorted(by: { $0.file.path < $1.file.path }).flatMap(\.cases) {
            if let first = ids.updateValue(wire.id.location, forKey: wire.id.value) {
                diagnostics.error(
                    "two wire cases have the id '\(wire.id.value)'", at: wire.id.location,
                    hint: "also \(first.file.path):\(first.line)")
            }
            if wire.request != nil { requests.insert(wire.operation.value) }
            if wire.output != nil { responses.insert(wire.operation.value) }
        }
        for operation in service.operations {
            let name = operation.name.value
            if !requests.contains(name) {
                diagnostics.error("operation '\(name)' has no wire case with a request", at: operation.name.location)
            }
            if !operation.output.isEmpty, !responses.contains(name) {
                diagnostics.error(
                    "operation '\(name)' has no wire case with a response and its output", at: operation.name.location)
            }
        }
    }
}

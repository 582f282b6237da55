/// Checks what can only be seen with the whole service in view. Reports everything, stops at nothing.
struct Validator {
    let service: Service
    var diagnostics = Diagnostics()

    static func validate(_ service: Service, _ diagnostics: inout Diagnostics) {
        var validator = Validator(service: service)
        validator.checkFeatures()
        for operation in service.operations { validator.check(operation) }
        for name in service.shapes.keys.sorted() { service.shapes[name].map { validator.check($0) } }
        diagnostics.append(validator.diagnostics.all)
    }

    private mutating func checkFeatures() {
        var operations: [String: SourceLocation] = [:]
        var features: [String: SourceLocation] = [:]
        for feature in service.features {
            let name = feature.name.value
            if feature.file.stem.filter({ $0 != "-" }).lowercased() != name.lowercased() {
                diagnostics.error(
                    "feature '\(name)' does not go with the file's name '\(feature.file.stem).json'",
                    at: feature.name.location, hint: "bucket-acl.json holds the feature BucketACL")
            }
            if let first = features.updateValue(feature.name.location, forKey: name.lowercased()) {
                diagnostics.error(
                    "feature '\(name)' is defined twice", at: feature.name.location, hint: "also in \(first.file.path)")
            }
            if feature.operations.isEmpty {
                diagnostics.error("feature '\(name)' has no operations", at: feature.name.location)
            }
            for operation in feature.operations {
                let place = operation.name.location
                if let first = operations.updateValue(place, forKey: operation.name.value) {
                    diagnostics.error(
                        "operation '\(operation.name.value)' is defined twice", at: place,
                        hint: "also in \(first.file.path):\(first.line)")
                }
            }
        }
    }

    // MARK: Operations

    private mutating func check(_ operation: Operation) {
        checkName(operation.name, "an operation's name", upper: true)
        for member in operation.input + operation.output { checkName(member.key, "a member's key", upper: false) }
        checkLabels(operation)
        checkBoundTwice(operation)
        checkBody(operation)
        checkCopySource(operation)
        checkElements(operation.output, of: operation.name.value)
        if let pagination = operation.pagination { check(pagination, of: operation) }
        for waiter in operation.waiters { check(waiter, of: operation) }
    }

    private mutating func checkName(_ name: Located<String>, _ what: String, upper: Bool) {
        let scalars = name.value.unicodeScalars
        let isPlain = scalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil)
        }
        let starts = scalars.first.map { upper ? $0.properties.isUppercase : $0.properties.isLowercase } ?? false
        if !isPlain || !starts {
            let form = upper ? "UpperCamelCase" : "lowerCamelCase"
            diagnostics.error("\(what) must be in \(form), not '\(name.value)'", at: name.location)
        }
    }

    private mutating func checkLabels(_ operation: Operation) {
        let uri = operation.uri
        var labels: [String: Member] = [:]
        for member in operation.input {
            guard case .label = member.binding else { continue }
            labels[member.key.value] = member
            if !uri.labels.contains(member.key.value) {
                diagnostics.error(
                    "label '\(member.key.value)' is not in the uri of '\(operation.name.value)'", at: member.location,
                    hint: didYouMean(member.key.value, uri.labels))
            }
            if !member.isRequired {
                diagnostics.error("label '\(member.key.value)' must be 'required'", at: member.location)
            }
        }
        for (index, label) in uri.labels.enumerated() {
            if index > 1 || label != ["bucket", "key"][index] {
                diagnostics.error(
                    "the uri may be '/', '/{bucket}' or '/{bucket}/{key}'; '{\(label)}' cannot be there",
                    at: uri.location)
            }
            if labels[label] == nil {
                diagnostics.error(
                    "the uri's label '{\(label)}' has no member with 'label'", at: uri.location,
                    hint: operation.input.contains { $0.key.value == label }
                        ? "member '\(label)' lacks \"label\": true"
                        : didYouMean(label, operation.input.map(\.key.value)))
            }
        }
    }

    private mutating func checkBoundTwice(_ operation: Operation) {
        for members in [operation.input, operation.output] {
            var headers: [String: String] = [:]
            var prefixes: [String: String] = [:]
            for member in members {
                switch member.binding {
                case .header(let name):
                    if !name.utf8.allSatisfy(Self.isTokenByte) {
                        diagnostics.error("'\(name)' is not the name of a header", at: member.location)
                    }
                    bind("header '\(name)'", name.lowercased(), member, &headers)
                case .prefixHeaders(let prefix):
                    bind("header prefix '\(prefix)'", prefix.lowercased(), member, &prefixes)
                default: break
                }
            }
        }
        var queries = Dictionary(
            operation.uri.queryKeys.map { ($0, "the uri") }, uniquingKeysWith: { first, _ in first })
        if queries.count != operation.uri.queryKeys.count {
            diagnostics.error("a query key is twice in the uri", at: operation.uri.location)
        }
        for member in operation.input {
            if case .query(let name) = member.binding { bind("query '\(name)'", name, member, &queries) }
        }
    }

    private mutating func bind(_ what: String, _ key: String, _ member: Member, _ bound: inout [String: String]) {
        if let first = bound[key] {
            diagnostics.error("\(what) is bound twice", at: member.location, hint: "also by \(first)")
        } else {
            bound[key] = "'\(member.key.value)'"
        }
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private mutating func checkBody(_ operation: Operation) {
        let name = operation.name.value
        let payload = onlyPayload(of: operation.input, "input")
        if let payload, ["GET", "HEAD"].contains(operation.method.value) {
            diagnostics.error(
                "'\(payload.key.value)' is a payload, but \(operation.method.value) has no body", at: payload.location)
        }
        if let checksum = operation.checksum {
            let fits =
                switch (checksum.value, payload?.type) {
                case (_, .invalid?), (.contentMD5, .structure?), (.contentMD5, .string?): true
                case (.crc64, .stream?), (.crc64Append, .stream?): true
                default: false
                }
            if !fits {
                let needed = checksum.value == .contentMD5 ? "an XML or text" : "a Stream"
                diagnostics.error("'\(checksum.value.rawValue)' needs \(needed) payload", at: checksum.location)
            }
        }
        for (name, place) in [
            ("contentTypeFromKey", operation.contentTypeFromKey), ("presignable", operation.presignable),
        ] where !operation.uri.labels.contains("key") {
            if let place { diagnostics.error("'\(name)' needs the label 'key' in the uri", at: place) }
        }

        let result = onlyPayload(of: operation.output, "output")
        let elements = operation.output.filter { if case .element = $0.binding { true } else { false } }
        if let result, let element = elements.first {
            diagnostics.error(
                "'\(element.key.value)' is an XML element, but '\(result.key.value)' is the whole body",
                at: element.location)
        }
        if let first = elements.first, operation.outputXMLName == nil {
            diagnostics.error(
                "operation '\(name)' needs 'outputXmlName', the root of the reply's XML", at: operation.name.location,
                hint: "'\(first.key.value)' is an element of it")
        }
        if let root = operation.outputXMLName {
            if elements.isEmpty {
                diagnostics.error("'outputXmlName' without an XML element in the output", at: root.location)
            } else if !Resolver.isElementName(root.value) {
                diagnostics.error("'\(root.value)' is not the name of an XML element", at: root.location)
            }
        }
        if operation.method.value == "HEAD", let member = result ?? elements.first {
            diagnostics.error(
                "'\(member.key.value)' is in the body, but the reply to HEAD has none", at: member.location)
        }
        let plain = operation.output.filter { if case .payloadUnlessXML = $0.binding { true } else { false } }
        for extra in plain.dropFirst() {
            diagnostics.error("two members with 'payloadUnlessXml'", at: extra.location)
        }
        if let result, let extra = plain.first {
            diagnostics.error("'payloadUnlessXml' beside the payload '\(result.key.value)'", at: extra.location)
        }
    }

    private mutating func onlyPayload(of members: [Member], _ what: String) -> Member? {
        let payloads = members.filter { if case .payload = $0.binding { true } else { false } }
        for extra in payloads.dropFirst() {
            diagnostics.error(
                "two payloads in the \(what): '\(payloads[0].key.value)' and '\(extra.key.value)'", at: extra.location)
        }
        return payloads.first
    }

    private mutating func checkCopySource(_ operation: Operation) {
        var parts: [CopySourcePart: Member] = [:]
        for member in operation.input {
            guard case .copySource(let part) = member.binding else { continue }
            if parts.updateValue(member, forKey: part) != nil {
                diagnostics.error("two members are the '\(part.rawValue)' of the copy source", at: member.location)
            }
        }
        guard let some = parts.values.min(by: { $0.location.offset < $1.location.offset }) else { return }
        if let key = parts[.key] {
            if !key.isRequired {
                diagnostics.error("the key of the copy source must be 'required'", at: key.location)
            }
        } else {
            diagnostics.error("the copy source has no 'key'", at: some.location)
        }
        for (part, member) in parts where part != .key && member.isRequired {
            diagnostics.error("only the key of the copy source is 'required'", at: member.location)
        }
    }

    // MARK: Pagination

    private mutating func check(_ pagination: Pagination, of operation: Operation) {
        if pagination.inputTokens.isEmpty || pagination.inputTokens.count != pagination.outputTokens.count {
            diagnostics.error(
                "'paginated' needs as many 'inputTokens' as 'outputTokens', and at least one", at: pagination.location)
        }
        if operation.input.contains(where: { $0.type == .stream }) {
            diagnostics.error("an operation with a stream cannot be 'paginated'", at: pagination.location)
        }
        var types: [MemberType] = []
        for token in pagination.inputTokens {
            guard let member = find(token, "paginator", in: operation.input, "input", of: operation) else { continue }
            types.append(member.type)
            if member.isRequired {
                diagnostics.error("the token '\(token.value)' cannot be 'required'", at: token.location)
            }
        }
        for (index, token) in pagination.outputTokens.enumerated() {
            guard let member = find(token, "paginator", in: operation.output, "output", of: operation) else { continue }
            if types.indices.contains(index), types.count == pagination.inputTokens.count {
                expect(member, token, types[index] == member.type, "\(types[index].specName) as the input's token is")
            }
            expect(
                member, token, member.type == .string || member.type == .int || member.type == .int64,
                "text or a whole number")
        }
        if let more = pagination.more,
            let member = find(more, "paginator", in: operation.output, "output", of: operation)
        {
            expect(member, more, member.type == .bool, "Bool")
        }
        if let size = pagination.pageSize,
            let member = find(size, "paginator", in: operation.input, "input", of: operation)
        {
            expect(member, size, member.type == .int || member.type == .int64, "a whole number")
        }
        if pagination.items.isEmpty {
            diagnostics.error("'paginated' needs 'items', the lists that a page brings", at: pagination.location)
        }
        for item in pagination.items {
            guard let member = find(item, "paginator", in: operation.output, "output", of: operation) else { continue }
            if case .list = member.type { continue }
            expect(member, item, false, "a list")
        }
    }

    private mutating func expect(_ member: Member, _ name: Located<String>, _ fits: Bool, _ expected: String) {
        if fits || member.type == .invalid { return }
        diagnostics.error(
            "paginator member '\(name.value)' must be \(expected), not \(member.type.specName)", at: name.location)
    }

    private mutating func find(
        _ name: Located<String>, _ user: String, in members: [Member], _ what: String, of operation: Operation
    ) -> Member? {
        if let member = members.first(where: { $0.key.value == name.value }) { return member }
        diagnostics.error(
            "the \(what) of '\(operation.name.value)' has no \(user) member '\(name.value)'", at: name.location,
            hint: didYouMean(name.value, members.map(\.key.value)))
        return nil
    }

    // MARK: Waiters

    private mutating func check(_ waiter: Waiter, of operation: Operation) {
        checkName(waiter.name, "a waiter's name", upper: true)
        if (operation.input + operation.output).contains(where: { $0.type == .stream }) {
            diagnostics.error("an operation with a stream cannot have 'waiters'", at: waiter.name.location)
        }
        for (index, acceptor) in waiter.acceptors.enumerated() {
            guard let matcher = acceptor.matcher else { continue }
            if let earlier = waiter.acceptors[..<index].first(where: { $0.matcher?.covers(matcher) == true }) {
                diagnostics.error(
                    "the acceptor is never asked", at: acceptor.location,
                    hint: "the one on line \(earlier.location.line) matches all that it does")
            }
            if case .output(let name, _) = matcher,
                let member = find(name, "waiter", in: operation.output, "output", of: operation),
                member.type != .string, member.type != .invalid
            {
                diagnostics.error(
                    "'contains' needs a String, but '\(name.value)' is \(member.type.specName)", at: name.location)
            }
        }
    }

    // MARK: Shapes

    private mutating func check(_ shape: Shape) {
        checkName(shape.name, "a shape's name", upper: true)
        if !shape.isUsedInInput, !shape.isUsedInOutput {
            diagnostics.error("shape '\(shape.name.value)' is not used by any operation", at: shape.name.location)
        }
        switch shape.kind {
        case .enumeration(let values):
            var seen: Set<String> = []
            for value in values where !seen.insert(value.value.value).inserted {
                diagnostics.error(
                    "value '\(value.value.value)' is twice in '\(shape.name.value)'", at: value.value.location)
            }
        case .structure(let members):
            if members.isEmpty {
                diagnostics.error("structure '\(shape.name.value)' has no members", at: shape.name.location)
            }
            for member in members { checkName(member.key, "a member's key", upper: false) }
            checkElements(members, of: shape.name.value)
            checkRecursion(shape)
        }
    }

    private mutating func checkElements(_ members: [Member], of owner: String) {
        var names: [String: String] = [:]
        let elements = members.filter { if case .element = $0.binding { true } else { false } }
        for member in elements {
            guard case .element(let form) = member.binding else { continue }
            if let name = form.firstName { bind("element '\(name)'", name, member, &names) }
            if case .text = form, elements.count > 1 {
                diagnostics.error(
                    "'xmlText' must be the only XML member of '\(owner)'", at: member.location)
            }
        }
    }

    /// A structure may hold itself only in a list: without one, the Swift value would be infinitely large.
    private mutating func checkRecursion(_ shape: Shape) {
        var visited: Set<String> = []
        func reaches(_ name: String) -> Bool {
            guard visited.insert(name).inserted, let members = service.shapes[name]?.members else { return false }
            return members.contains { member in
                guard case .structure(let next) = member.type else { return false }
                return next == shape.name.value || reaches(next)
            }
        }
        for member in shape.members {
            guard case .structure(let name) = member.type else { continue }
            visited.removeAll()
            if name == shape.name.value || reaches(name) {
                diagnostics.error(
                    "'\(shape.name.value)' holds itself through '\(member.key.value)' without a list",
                    at: member.location)
            }
        }
    }
}

/// Turns names into what they stand for: types into shapes, keys of a member into its one binding.
///
/// What can be said about one member by looking at that member alone is checked here; what needs its neighbours
/// is left to ``Validator``.
struct Resolver {
    enum Context: String {
        case input = "an input"
        case output = "an output"
        case structure = "a structure"
    }

    private let kinds: [String: Bool]
    var diagnostics = Diagnostics()

    static let typeNames = [
        "String", "Bool", "Int", "Int64", "Double", "Timestamp", "Blob", "Stream", "[String: String]",
    ]
    static let methods = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"]

    private init(_ shapes: [ShapeSyntax]) {
        kinds = Dictionary(shapes.map { ($0.name.value, $0.values != nil) }, uniquingKeysWith: { first, _ in first })
    }

    static func resolve(
        _ service: ServiceSyntax, _ features: [FeatureSyntax], folder: String, _ diagnostics: inout Diagnostics
    ) -> Service {
        let features = features.sorted { $0.file.path < $1.file.path }
        let allShapes = service.shapes + features.flatMap(\.shapes)
        var resolver = Resolver(allShapes)
        var shapes: [String: Shape] = [:]
        for shape in allShapes {
            if let first = shapes[shape.name.value] {
                let place = first.name.location
                resolver.diagnostics.error(
                    "shape '\(shape.name.value)' is defined twice", at: shape.name.location,
                    hint: "first in \(place.file.path):\(place.line)")
            } else {
                shapes[shape.name.value] = resolver.shape(shape)
            }
        }
        var result = Service(
            name: folder, client: service.client.value, module: service.module.value, file: service.file,
            features: features.map { feature in
                Feature(
                    name: feature.feature, file: feature.file,
                    operations: feature.operations.map { resolver.operation($0) },
                    shapes: feature.shapes.map(\.name.value))
            },
            sharedShapes: service.shapes.map(\.name.value), shapes: shapes)
        result.markUses()
        diagnostics.append(resolver.diagnostics.all)
        return result
    }

    // MARK: Operations and shapes

    private mutating func operation(_ syntax: OperationSyntax) -> Operation {
        let place = syntax.name.location
        if syntax.doc == nil { diagnostics.error("operation '\(syntax.name.value)' has no 'doc'", at: place) }
        if let link = syntax.link {
            if !link.value.hasPrefix("https://") || link.value.contains(where: \.isWhitespace) {
                diagnostics.error("'link' must be an https address", at: link.location)
            }
        } else {
            diagnostics.error(
                "operation '\(syntax.name.value)' has no 'link'", at: place, hint: "the service's page about it")
        }
        if let method = syntax.method, !Self.methods.contains(method.value) {
            diagnostics.error(
                "unknown method '\(method.value)'", at: method.location,
                hint: didYouMean(method.value, Self.methods) ?? "one of \(Self.methods.joined(separator: ", "))")
        }
        var checksum: Located<Operation.Checksum>?
        if let text = syntax.checksum {
            let known = Operation.Checksum.allCases.map(\.rawValue)
            if let value = Operation.Checksum(rawValue: text.value) {
                checksum = Located(value, at: text.location)
            } else {
                diagnostics.error(
                    "unknown checksum '\(text.value)'", at: text.location,
                    hint: didYouMean(text.value, known) ?? "one of \(known.joined(separator: ", "))")
            }
        }
        return Operation(
            name: syntax.name, doc: syntax.doc?.value ?? "", link: syntax.link?.value,
            method: syntax.method ?? Located("GET", at: place), uri: uri(syntax.uri ?? Located("/", at: place)),
            input: syntax.input.map { member($0, .input) }, output: syntax.output.map { member($0, .output) },
            outputXMLName: syntax.outputXMLName, checksum: checksum, contentTypeFromKey: syntax.contentTypeFromKey,
            presignable: syntax.presignable,
            pagination: syntax.pagination.map {
                Pagination(
                    location: $0.location, inputTokens: $0.inputTokens, outputTokens: $0.outputTokens, more: $0.more,
                    pageSize: $0.pageSize, items: $0.items)
            }, waiters: syntax.waiters.map { waiter($0) }, deprecated: syntax.deprecated?.value)
    }

    private mutating func uri(_ text: Located<String>) -> URITemplate {
        let parts = text.value.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.first ?? ""
        let query = parts.count > 1 ? String(parts[1]) : ""
        if !path.hasPrefix("/") { diagnostics.error("the uri must begin with '/'", at: text.location) }
        if parts.count > 1, query.isEmpty { diagnostics.error("nothing behind '?' in the uri", at: text.location) }
        var labels: [String] = []
        for segment in path.split(separator: "/") {
            if segment.hasPrefix("{"), segment.hasSuffix("}"), segment.count > 2 {
                labels.append(String(segment.dropFirst().dropLast()))
            } else {
                diagnostics.error("the path may only have labels such as {bucket}, not '\(segment)'", at: text.location)
            }
        }
        if path != "/" + labels.map({ "{\($0)}" }).joined(separator: "/"), path.hasPrefix("/"),
            path.split(separator: "/").count == labels.count
        {
            diagnostics.error("empty segment in the uri's path", at: text.location)
        }
        return URITemplate(location: text.location, labels: labels, query: query)
    }

    private mutating func shape(_ syntax: ShapeSyntax) -> Shape {
        let name = syntax.name
        if syntax.doc == nil { diagnostics.error("shape '\(name.value)' has no 'doc'", at: name.location) }
        if Self.typeNames.contains(name.value) {
            diagnostics.error("'\(name.value)' is a built-in type; a shape needs another name", at: name.location)
        }
        var kind = Shape.Kind.structure([])
        switch (syntax.members, syntax.values) {
        case (let members?, nil):
            kind = .structure(members.map { member($0, .structure) })
        case (nil, let values?):
            if values.isEmpty { diagnostics.error("the enumeration '\(name.value)' has no values", at: name.location) }
            kind = .enumeration(
                values.map { EnumValue(value: $0.value, swiftName: $0.swiftName, doc: $0.doc?.value) })
        default:
            diagnostics.error("shape '\(name.value)' needs 'members' or 'enum', and not both", at: name.location)
        }
        return Shape(
            name: name, swiftName: syntax.swiftName, doc: syntax.doc?.value ?? "",
            deprecated: syntax.deprecated?.value, kind: kind)
    }

    // MARK: Members

    private mutating func member(_ syntax: MemberSyntax, _ context: Context) -> Member {
        let key = syntax.key.value
        if syntax.doc == nil { diagnostics.error("member '\(key)' has no 'doc'", at: syntax.key.location) }
        var type = syntax.type.map { resolveType($0) } ?? .invalid
        let binding = resolveBinding(syntax, context, type)
        let isElement = if case .element = binding { true } else { false }

        let format = resolveTimestampFormat(syntax, type, isHeader: syntax.header != nil)
        switch type {
        case .timestamp: type = .timestamp(format)
        default: break
        }
        for (place, name) in [
            (syntax.xmlFlattened, "xmlFlattened"), (syntax.xmlItemName?.location, "xmlItemName"),
            (syntax.xmlPath?.location, "xmlPath"), (syntax.xmlText, "xmlText"),
        ] where !isElement {
            if let place { diagnostics.error("'\(name)' is for members that are XML elements", at: place) }
        }
        if !isElement, syntax.payload == nil, let name = syntax.xmlName {
            diagnostics.error("'xmlName' is for members that are XML elements or payloads", at: name.location)
        }
        if let place = syntax.urlEncoded, type != .string || !isElement || context == .input {
            diagnostics.error("'urlEncoded' is for Strings read from XML", at: place)
        }
        if let node = syntax.defaultValue { checkDefault(node, syntax, type, context) }
        return Member(
            key: syntax.key, swiftName: syntax.swiftName, doc: syntax.doc?.value ?? "", type: type, binding: binding,
            isRequired: syntax.required != nil, defaultValue: syntax.defaultValue,
            isURLEncoded: syntax.urlEncoded != nil, isSensitive: syntax.sensitive != nil,
            deprecated: syntax.deprecated?.value)
    }

    private mutating func resolveType(_ text: Located<String>) -> MemberType {
        let name = text.value
        switch name {
        case "String": return .string
        case "Bool": return .bool
        case "Int": return .int
        case "Int64": return .int64
        case "Double": return .double
        case "Timestamp": return .timestamp(.dateTime)
        case "Blob": return .blob
        case "Stream": return .stream
        case "[String: String]": return .map
        default: break
        }
        if name.hasPrefix("["), name.hasSuffix("]") {
            let inner = String(name.dropFirst().dropLast())
            let element = resolveType(Located(inner, at: text.location))
            switch element {
            case .stream, .blob, .map, .list, .timestamp, .bool, .double:
                diagnostics.error("a list cannot hold '\(inner)'", at: text.location)
                return .invalid
            case .invalid: return .invalid
            default: return .list(element)
            }
        }
        if let isEnumeration = kinds[name] { return isEnumeration ? .enumeration(name) : .structure(name) }
        diagnostics.error(
            "unknown type '\(name)'", at: text.location, hint: didYouMean(name, Self.typeNames + kinds.keys.sorted()))
        return .invalid
    }

    private mutating func resolveTimestampFormat(
        _ syntax: MemberSyntax, _ type: MemberType, isHeader: Bool
    ) -> TimestampFormat {
        guard let text = syntax.timestampFormat else { return isHeader ? .httpDate : .dateTime }
        switch type {
        case .timestamp, .invalid: break
        default: diagnostics.error("'timestampFormat' is for Timestamps", at: text.location)
        }
        if let format = TimestampFormat(rawValue: text.value) { return format }
        let known = TimestampFormat.allCases.map(\.rawValue)
        diagnostics.error(
            "unknown timestampFormat '\(text.value)'", at: text.location,
            hint: didYouMean(text.value, known) ?? "one of \(known.joined(separator: ", "))")
        return .dateTime
    }

    private mutating func resolveBinding(_ syntax: MemberSyntax, _ context: Context, _ type: MemberType) -> Binding {
        var found: [(name: String, place: SourceLocation, binding: Binding)] = []
        if let place = syntax.label { found.append(("label", place, .label)) }
        if let name = syntax.header { found.append(("header", name.location, .header(name.value))) }
        if let name = syntax.query { found.append(("query", name.location, .query(name.value))) }
        if let name = syntax.prefixHeaders {
            found.append(("prefixHeaders", name.location, .prefixHeaders(name.value)))
        }
        if let place = syntax.payload {
            let root = syntax.xmlName?.value ?? Self.elementName(syntax.key.value)
            found.append(("payload", place, .payload(root: root)))
        }
        if let place = syntax.payloadUnlessXML { found.append(("payloadUnlessXml", place, .payloadUnlessXML)) }
        if let part = syntax.copySource {
            let known = CopySourcePart.allCases.map(\.rawValue)
            if CopySourcePart(rawValue: part.value) == nil {
                diagnostics.error(
                    "unknown part '\(part.value)' of the copy source", at: part.location,
                    hint: didYouMean(part.value, known) ?? "one of \(known.joined(separator: ", "))")
            }
            let value = CopySourcePart(rawValue: part.value) ?? .key
            found.append(("copySource", part.location, .copySource(value)))
        }
        if found.count > 1 {
            diagnostics.error(
                "member '\(syntax.key.value)' has \(found.count) bindings: "
                    + found.map { "'\($0.name)'" }.joined(separator: ", "), at: found[1].place, hint: "keep one")
        }
        guard let first = found.first else {
            if context == .input {
                diagnostics.error(
                    "member '\(syntax.key.value)' of an input has no binding", at: syntax.key.location,
                    hint: "one of label, header, query, prefixHeaders, payload, copySource")
            }
            return .element(xmlForm(syntax, context, type))
        }
        let allowed =
            switch first.binding {
            case .label, .query, .copySource: context == .input
            case .payloadUnlessXML: context == .output
            case .header, .prefixHeaders, .payload: context != .structure
            case .element: true
            }
        if !allowed { diagnostics.error("'\(first.name)' cannot be in \(context.rawValue)", at: first.place) }
        checkType(type, fits: first.binding, first.name, context, at: syntax.type?.location ?? first.place)
        return first.binding
    }

    private mutating func checkType(
        _ type: MemberType, fits binding: Binding, _ name: String, _ context: Context, at place: SourceLocation
    ) {
        if type == .invalid { return }
        let expected: String? =
            switch binding {
            case .label, .copySource, .payloadUnlessXML: type == .string ? nil : "String"
            case .header, .query: type.isScalar ? nil : "a scalar or an enumeration"
            case .prefixHeaders: type == .map ? nil : "[String: String]"
            case .payload:
                switch type {
                case .stream, .string, .structure: nil
                default: "Stream, String or a structure"
                }
            case .element: nil
            }
        if let expected {
            diagnostics.error(
                "the type of a member with '\(name)' must be \(expected), not \(type.specName)", at: place)
        }
    }

    private mutating func xmlForm(_ syntax: MemberSyntax, _ context: Context, _ type: MemberType) -> XMLForm {
        let typePlace = syntax.type?.location ?? syntax.key.location
        if let place = syntax.xmlAttribute {
            diagnostics.error("'xmlAttribute' is reserved, the generator does not know it yet", at: place)
        }
        switch type {
        case .stream, .blob, .map:
            if context != .input {
                diagnostics.error("'\(type.specName)' cannot be an XML element", at: typePlace)
            }
        default: break
        }
        for name in [syntax.xmlName, syntax.xmlItemName].compactMap({ $0 }) where !Self.isElementName(name.value) {
            diagnostics.error("'\(name.value)' is not the name of an XML element", at: name.location)
        }
        if let place = syntax.xmlText {
            for other in [syntax.xmlName, syntax.xmlItemName, syntax.xmlPath].compactMap({ $0 }) {
                diagnostics.error("a member with 'xmlText' has no element of its own", at: other.location)
            }
            switch type {
            case .string, .enumeration, .invalid: break
            default: diagnostics.error("'xmlText' is for Strings and enumerations", at: place)
            }
            return .text
        }
        if let path = syntax.xmlPath {
            let names = path.value.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            if names.count < 2 || !names.allSatisfy(Self.isElementName) {
                diagnostics.error("'xmlPath' must be two or more element names joined by '/'", at: path.location)
            }
            if let name = syntax.xmlName {
                diagnostics.error("'xmlPath' takes the place of 'xmlName'", at: name.location, hint: "keep one")
            }
            if !type.isScalar { diagnostics.error("'xmlPath' is for scalars", at: typePlace) }
            return .path(names)
        }
        let name = syntax.xmlName?.value ?? Self.elementName(syntax.key.value)
        guard case .list = type else {
            for (place, key) in [(syntax.xmlFlattened, "xmlFlattened"), (syntax.xmlItemName?.location, "xmlItemName")] {
                if let place, type != .invalid { diagnostics.error("'\(key)' is for lists", at: place) }
            }
            return .element(name)
        }
        switch (syntax.xmlFlattened, syntax.xmlItemName) {
        case (_?, nil): return .flattened(name)
        case (nil, let item?): return .wrapped(name, item: item.value)
        case (_?, let item?):
            diagnostics.error(
                "a flattened list has no 'xmlItemName'", at: item.location, hint: "its 'xmlName' is the item's element")
            return .flattened(name)
        case (nil, nil):
            if context != .input {
                diagnostics.error(
                    "list '\(syntax.key.value)' needs 'xmlFlattened' or 'xmlItemName'", at: syntax.key.location)
            }
            return .flattened(name)
        }
    }

    private mutating func checkDefault(
        _ node: JSONNode, _ syntax: MemberSyntax, _ type: MemberType, _ context: Context
    ) {
        if context != .input || (syntax.query == nil && syntax.header == nil) {
            diagnostics.error("'default' is for queries and headers of an input", at: node.location)
        } else if syntax.required != nil {
            diagnostics.error("a required member has no 'default'", at: node.location)
        }
        let fits =
            switch (type, node.value) {
            case (.string, .string), (.enumeration, .string), (.bool, .bool), (.double, .number), (.invalid, _): true
            case (.int, .number(let text)), (.int64, .number(let text)): Int64(text) != nil
            default: false
            }
        if !fits {
            diagnostics.error("a 'default' of type \(type.specName) cannot be \(node.kind)", at: node.location)
        }
    }

    /// `maxKeys` → `MaxKeys`
    static func elementName(_ key: String) -> String {
        key.prefix(1).uppercased() + key.dropFirst()
    }

    static func isElementName(_ name: String) -> Bool {
        guard let first = name.unicodeScalars.first, first == "_" || first.properties.isAlphabetic else { return false }
        return name.unicodeScalars.allSatisfy {
            $0.properties.isAlphabetic || $0.properties.numericType != nil || "_-.".unicodeScalars.contains($0)
        }
    }
}

extension Service {
    /// Notes for each shape whether an input or an output reaches it.
    fileprivate mutating func markUses() {
        var input: Set<String> = []
        var output: Set<String> = []
        for operation in operations {
            for member in operation.input { reach(member.type, &input) }
            for member in operation.output { reach(member.type, &output) }
        }
        for name in input { shapes[name]?.isUsedInInput = true }
        for name in output { shapes[name]?.isUsedInOutput = true }
    }

    private func reach(_ type: MemberType, _ reached: inout Set<String>) {
        switch type {
        case .list(let element): reach(element, &reached)
        case .structure(let name), .enumeration(let name):
            guard reached.insert(name).inserted, let shape = shapes[name] else { return }
            for member in shape.members { reach(member.type, &reached) }
        default: break
        }
    }
}

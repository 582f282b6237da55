import SpecModel

/// Compares a request that would be sent with what a case expects.
enum RequestComparison {
    /// Made anew for every request, or by the transport.
    private static let uncompared: Set<String> = [
        "date", "authorization", "x-oss-date", "x-oss-content-sha256", "user-agent", "host", "content-length",
    ]

    static func differences(_ expected: JSONNode, _ sent: SentRequest) -> [String] {
        var result: [String] = []
        for (name, came) in [("method", sent.method), ("host", sent.host), ("path", sent.path)] {
            if let text = expected[name]?.string, text != came { result.append(difference(name, text, came)) }
        }
        if let query = expected["query"]?.object { result += queryDifferences(query, sent.query) }
        for header in expected["headers"]?.object ?? [] where !uncompared.contains(header.key.lowercased()) {
            let came = sent.header(header.key)
            guard let text = header.value.string, text != came else { continue }
            result.append("header \(header.key): expected \(quoted(text)), got \(came.map(quoted) ?? "no such header")")
        }
        for name in expected["presentHeaders"]?.array?.compactMap(\.string) ?? []
        where !uncompared.contains(name.lowercased()) && sent.header(name) == nil {
            result.append("header \(name): expected to be there, got no such header")
        }
        for name in expected["absentHeaders"]?.array?.compactMap(\.string) ?? []
        where !uncompared.contains(name.lowercased()) {
            if let came = sent.header(name) {
                result.append("header \(name): expected not to be there, got \(quoted(came))")
            }
        }
        if let body = expected["body"] { result += BodyComparison.differences(body, sent.body ?? []) }
        return result
    }

    private static func queryDifferences(_ expected: [JSONMember], _ sent: [(name: String, value: String)]) -> [String]
    {
        var result: [String] = []
        for entry in expected {
            let came = sent.filter { $0.name == entry.key }.map(\.value)
            let text = entry.value.string ?? ""
            if came.isEmpty {
                result.append("query \(entry.key): expected \(quoted(text)), got no such key")
            } else if came != [text] {
                result.append(difference("query \(entry.key)", text, came.joined(separator: " and ")))
            }
        }
        for entry in sent where !expected.contains(where: { $0.key == entry.name }) {
            result.append("query \(entry.name): expected not to be there, got \(quoted(entry.value))")
        }
        return result
    }
}

func difference(_ what: String, _ expected: String, _ came: String) -> String {
    "\(what): expected \(quoted(expected)), got \(quoted(came))"
}

/// In quotes, with everything visible that could be overlooked, and not endless.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars.prefix(400) {
        switch scalar {
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\0"..."\u{1F}", "\u{7F}": result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + (text.unicodeScalars.count > 400 ? "…\"" : "\"")
}

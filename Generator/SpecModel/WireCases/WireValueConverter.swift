/// Gives JSON values the types that the spec says they have.
struct WireValueConverter {
    let service: Service

    /// The members of an input, an output or a structure. Nil when something is wrong, which is reported.
    func members(
        of node: JSONNode?, _ members: [Member], _ what: String, requiresAll: Bool, at place: SourceLocation,
        _ found: inout Diagnostics, _ unknown: inout Diagnostics
    ) -> [WireMember]? {
        guard let given = node.map({ $0.object }) ?? [] else {
            if let node { found.error("\(what) must be an object, not \(node.kind)", at: node.location) }
            return nil
        }
        let mistakes = found.all.count + unknown.all.count
        for entry in given where !members.contains(where: { $0.key.value == entry.key }) {
            unknown.error(
                "unknown member '\(entry.key)' in \(what)", at: entry.keyLocation,
                hint: didYouMean(entry.key, members.map(\.key.value)))
        }
        var result: [WireMember] = []
        for member in members {
            let value = given.first { $0.key == member.key.value }?.value
            guard let value, !value.isNull else {
                if requiresAll, member.isRequired, !member.type.isCollection {
                    found.error(
                        "\(what) needs '\(member.key.value)', which is required",
                        at: value?.location ?? node?.location ?? place)
                }
                continue
            }
            if let converted = convert(value, member.type, requiresAll: requiresAll, &found, &unknown) {
                result.append(WireMember(member: member, value: converted))
            }
        }
        return found.all.count + unknown.all.count == mistakes ? result : nil
    }

    private func convert(
        _ node: JSONNode, _ type: MemberType, requiresAll: Bool, _ found: inout Diagnostics,
        _ unknown: inout Diagnostics
    ) -> WireValue? {
        switch (type, node.value) {
        case (.string, .string(let text)): return .string(text)
        // A text that looks like a number may be written as one.
        case (.string, .number(let text)): return .string(text)
        case (.string, .bool(let value)): return .string(value ? "true" : "false")
        case (.enumeration, .string(let text)): return .enumeration(text)
        case (.bool, .bool(let value)): return .bool(value)
        case (.bool, .string("true")): return .bool(true)
        case (.bool, .string("false")): return .bool(false)
        case (.int, .number(let text)), (.int64, .number(let text)), (.int, .string(let text)),
            (.int64, .string(let text)):
            if let number = Int64(text) { return .number(String(number)) }
        case (.double, .number(let text)), (.double, .string(let text)):
            if let number = Double(text), number.isFinite { return .number("\(number)") }
        case (.timestamp, .string(let text)):
            if let time = WireTime.milliseconds(text) { return .timestamp(time) }
            found.error("'\(text)' is not a time", at: node.location, hint: "such as 2024-01-31T12:00:00Z")
            return nil
        case (.blob, .object), (.stream, .object): return body(node, type, &found)
        case (.list(let element), .array(let items)):
            let values = items.map { convert($0, element, requiresAll: requiresAll, &found, &unknown) }
            return values.contains { $0 == nil } ? nil : .list(values.compactMap { $0 })
        case (.map, .object(let entries)):
            for entry in entries where entry.value.string == nil {
                found.error("'\(entry.key)' must be a string, not \(entry.value.kind)", at: entry.value.location)
            }
            return .map(entries.map { ($0.key, $0.value.string ?? "") })
        case (.structure(let name), .object):
            guard let shape = service.shapes[name] else { return nil }
            let values = members(
                of: node, shape.members, "'\(name)'", requiresAll: requiresAll, at: node.location, &found, &unknown)
            return values.map { .structure(name, $0) }
        case (.invalid, _): return nil
        default: break
        }
        found.error("expected \(type.specName), found \(node.kind)", at: node.location)
        return nil
    }

    private func body(_ node: JSONNode, _ type: MemberType, _ found: inout Diagnostics) -> WireValue? {
        guard var reader = ObjectReader(node, "a \(type.specName)", &found) else { return nil }
        let base64 = reader.string("base64", &found)
        let text = type == .stream ? reader.string("text", &found) : nil
        reader.finish(&found)
        switch (base64, text) {
        case (let base64?, nil):
            if Base64.isValid(base64.value) { return .blob(base64.value) }
            found.error("this is not Base64", at: base64.location)
        case (nil, let text?): return .text(text.value)
        default:
            let forms = type == .stream ? "{\"text\": …} or {\"base64\": …}" : "{\"base64\": …}"
            found.error("a \(type.specName) is written as \(forms)", at: node.location)
        }
        return nil
    }
}

extension MemberType {
    /// Empty stands for absent.
    public var isCollection: Bool {
        switch self {
        case .list, .map: true
        default: false
        }
    }
}

/// Base64 of RFC 4648.
public enum Base64 {
    public static func isValid(_ text: String) -> Bool { decode(text) != nil }

    public static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count % 4 == 0 else { return nil }
        let padding = characters.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard padding <= 2 else { return nil }
        var result: [UInt8] = []
        var bits: UInt32 = 0
        for (index, character) in characters.dropLast(padding).enumerated() {
            guard let value = value(of: character) else { return nil }
            bits = bits << 6 | value
            if index % 4 == 3 {
                result += [UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8)]
                result.append(UInt8(truncatingIfNeeded: bits))
                bits = 0
            }
        }
        switch padding {
        case 1: result += [UInt8(truncatingIfNeeded: bits >> 10), UInt8(truncatingIfNeeded: bits >> 2)]
        case 2: result.append(UInt8(truncatingIfNeeded: bits >> 4))
        default: break
        }
        return result
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

/// Times as wire cases write them.
public enum WireTime {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Milliseconds since 1970 of `2024-01-31T12:00:00[.123]Z` or, as some members are on the wire, of an HTTP date.
    public static func milliseconds(_ text: String) -> Int64? {
        iso8601(text) ?? httpDate(text)
    }

    private static func iso8601(_ text: String) -> Int64? {
        guard text.hasSuffix("Z") else { return nil }
        let halves = text.dropLast().split(separator: "T", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        let day = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        let fraction = halves[1].split(separator: ".", omittingEmptySubsequences: false)
        guard day.count == 3, (1...2).contains(fraction.count), let year = number(day[0], digits: 4),
            let month = number(day[1], digits: 2), let dayOfMonth = number(day[2], digits: 2)
        else { return nil }
        var milliseconds: Int64 = 0
        if fraction.count == 2 {
            guard !fraction[1].isEmpty, fraction[1].utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
            milliseconds = Int64((fraction[1] + "000").prefix(3)) ?? 0
        }
        return time(year, month, dayOfMonth, fraction[0]).map { $0 * 1000 + milliseconds }
    }

    private static func httpDate(_ text: String) -> Int64? {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", parts[0].hasSuffix(","), let day = number(parts[1], digits: 2),
            let month = months.firstIndex(of: String(parts[2])), let year = number(parts[3], digits: 4)
        else { return nil }
        return time(year, Int64(month + 1), day, parts[4]).map { $0 * 1000 }
    }

    private static func number(_ text: Substring, digits: Int) -> Int64? {
        text.utf8.count == digits && text.utf8.allSatisfy { 0x30...0x39 ~= $0 } ? Int64(text) : nil
    }

    private static func time(_ year: Int64, _ month: Int64, _ day: Int64, _ clock: Substring) -> Int64? {
        let parts = clock.split(separator: ":", omittingEmptySubsequences: false).map { number($0, digits: 2) }
        guard parts.count == 3, let hour = parts[0], let minute = parts[1], let second = parts[2], hour < 24,
            minute < 60, second <= 60, (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        // Days since 1970 in the Gregorian calendar, with years that begin in March.
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86_400 + hour * 3600 + minute * 60 + second
    }
}

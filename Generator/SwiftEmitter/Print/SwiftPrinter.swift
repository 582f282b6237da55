/// Writes declarations as text. What it writes is what `swift format` with the project's configuration would leave
/// alone, so that no formatter has to run, and no formatter's version decides the output.
struct SwiftPrinter {
    static let lineLength = 120

    private(set) var text = ""
    private var indentation = 0

    static func print(_ file: SwiftFile) -> String {
        var printer = SwiftPrinter()
        printer.line("// \(file.origin)")
        printer.line("")
        for module in file.imports.sorted() { printer.line("import \(module)") }
        if file.needsFoundation {
            printer.line("")
            printer.line("#if canImport(FoundationEssentials)")
            printer.line("    import FoundationEssentials")
            printer.line("#else")
            printer.line("    import Foundation")
            printer.line("#endif")
        }
        for declaration in file.declarations {
            printer.line("")
            printer.type(declaration)
        }
        for function in file.functions {
            printer.line("")
            printer.function(function)
        }
        return printer.text
    }

    mutating func line(_ content: String) {
        if !content.isEmpty {
            for _ in 0..<indentation { text += "    " }
            text += content
        }
        text += "\n"
    }

    private func fits(_ content: String, reserve: Int = 0) -> Bool {
        indentation * 4 + content.unicodeScalars.count + reserve <= Self.lineLength
    }

    private mutating func indented(_ body: (inout Self) -> Void) {
        indentation += 1
        body(&self)
        indentation -= 1
    }

    /// A documentation comment; each element begins a new line.
    private mutating func doc(_ lines: [String]) {
        let width = Self.lineLength - indentation * 4 - "/// ".count
        for line in lines {
            for wrapped in Self.wrap(line, width: width) {
                self.line(wrapped.isEmpty ? "///" : "/// \(wrapped)")
            }
        }
    }

    static func wrap(_ text: String, width: Int) -> [String] {
        var result: [String] = []
        for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
            var line = ""
            for word in paragraph.split(separator: " ") {
                if !line.isEmpty, line.unicodeScalars.count + 1 + word.unicodeScalars.count > width {
                    result.append(line)
                    line = ""
                }
                line += line.isEmpty ? String(word) : " \(word)"
            }
            result.append(line)
        }
        return result
    }

    private mutating func deprecation(_ message: String?) {
        guard let message else { return }
        line("@available(*, deprecated, message: \(SwiftLiteral.string(message)))")
    }

    // MARK: Types

    private mutating func type(_ declaration: TypeDeclaration) {
        doc(declaration.doc)
        deprecation(declaration.deprecated)
        let conformances = declaration.conformances.joined(separator: ", ")
        let head = "\(declaration.keyword) \(declaration.name)" + (conformances.isEmpty ? "" : ": \(conformances)")
        if fits(head + " {") {
            line(head + " {")
        } else {
            line("\(declaration.keyword) \(declaration.name):")
            indented { $0.fill(declaration.conformances, close: "") }
            line("{")
        }
        indented { printer in
            for item in declaration.items { printer.item(item) }
        }
        line("}")
    }

    private mutating func item(_ item: Item) {
        switch item {
        case .blank: line("")
        case .statement(let statement): self.statement(statement)
        case .property(let property): self.property(property)
        case .function(let function): self.function(function)
        }
    }

    private mutating func property(_ property: Property) {
        doc(property.doc)
        deprecation(property.deprecated)
        guard let getter = property.getter else { return line(property.declaration) }
        let oneLine = "\(property.declaration) { \(getter) }"
        if fits(oneLine) { return line(oneLine) }
        line(property.declaration + " {")
        indented { $0.line(getter) }
        line("}")
    }

    private mutating func function(_ function: Function) {
        doc(function.doc)
        deprecation(function.deprecated)
        let suffix = function.suffix.isEmpty ? "" : " \(function.suffix)"
        let signature = "\(function.head)(\(function.parameters.joined(separator: ", ")))\(suffix) {"
        var compactBody: String?
        if function.isCompact, function.body.count == 1, case .line(let statement) = function.body[0] {
            compactBody = " \(statement) }"
        }
        if function.body.isEmpty { compactBody = "}" }
        if let compactBody, fits(signature + compactBody) { return line(signature + compactBody) }
        let end: String
        if fits(signature) {
            line(signature)
            end = ""
        } else {
            line("\(function.head)(")
            indented { $0.fill(function.parameters, close: "") }
            end = ")\(suffix) {"
            if let compactBody, fits(end + compactBody) { return line(end + compactBody) }
            line(end)
        }
        indented { printer in
            for statement in function.body { printer.statement(statement) }
        }
        line("}")
    }

    // MARK: Statements

    private mutating func statement(_ statement: Statement) {
        switch statement {
        case .line(let content):
            line(content)
        case .call(let head, let arguments):
            let oneLine = "\(head)\(arguments.joined(separator: ", ")))"
            if fits(oneLine) { return line(oneLine) }
            line(head)
            indented { $0.fill(arguments, close: ")") }
        case .block(let opening, let body):
            line(opening)
            indented { printer in
                for statement in body { printer.statement(statement) }
            }
            line("}")
        case .verbatim(let lines, let close):
            for content in lines.dropLast() { line(content) }
            if close.first == "\n" {
                line(lines.last ?? "")
                line(String(close.dropFirst()))
            } else {
                line((lines.last ?? "") + close)
            }
        case .switching(let subject, let cases):
            line("switch \(subject) {")
            for statement in cases { self.statement(statement) }
            line("}")
        case .switchCase(let label, let body):
            if case .line(let content) = body, fits("case \(label): \(content)") {
                return line("case \(label): \(content)")
            }
            line("case \(label):")
            indented { $0.statement(body) }
        }
    }

    /// As many items to a line as it holds.
    private mutating func fill(_ items: [String], close: String) {
        var current = ""
        for (index, item) in items.enumerated() {
            let isLast = index == items.count - 1
            let piece = item + (isLast ? close : ",")
            if current.isEmpty {
                current = piece
            } else if fits("\(current) \(piece)") {
                current += " \(piece)"
            } else {
                line(current)
                current = piece
            }
        }
        if !current.isEmpty { line(current) }
    }
}

/// Swift's way to write a value.
public enum SwiftLiteral {
    /// A string literal in quotes.
    public static func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\0"..." ", "\u{7F}"..."\u{A0}", "\u{200B}"..."\u{200F}", "\u{2028}"..."\u{202E}", "\u{FEFF}":
                // A plain space may be seen, its relatives may not.
                result += scalar == " " ? " " : "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

// The few forms of Swift that generated code is made of. Lowering builds them, ``SwiftPrinter`` writes them.

/// One file of generated code.
struct SwiftFile {
    /// The line that says where the file comes from.
    var origin: String
    var imports: [String]
    /// `Date` comes from another module on each platform.
    var needsFoundation = false
    var declarations: [TypeDeclaration] = []
    /// Functions outside of types.
    var functions: [Function] = []
}

/// A structure or an extension.
struct TypeDeclaration {
    /// `public struct` or `extension`
    var keyword: String
    var name: String
    var conformances: [String] = []
    var doc: [String] = []
    var deprecated: String?
    var items: [Item] = []
}

/// What stands in a type.
enum Item {
    case property(Property)
    case function(Function)
    case statement(Statement)
    case blank
}

struct Property {
    var doc: [String] = []
    var deprecated: String?
    /// `public var name: Type`, with a default value where there is one.
    var declaration: String
    /// The expression of a computed property.
    var getter: String?
}

struct Function {
    var doc: [String] = []
    var deprecated: String?
    /// Everything in front of the parenthesis.
    var head: String
    var parameters: [String]
    /// Everything behind the parenthesis: `async throws -> Reply`.
    var suffix = ""
    var body: [Statement]
    /// A body of one short statement may stand on the line of its brace.
    var isCompact = false
}

indirect enum Statement {
    case line(String)
    /// A call whose arguments wrap when the line gets too long: `let x = Point(`, `x: 1`, `y: 2`.
    case call(head: String, arguments: [String])
    /// A line that opens a brace, what is in it, and the closing brace.
    case block(opening: String, body: [Statement])
    /// A switch; its cases stand below its keyword.
    case switching(String, cases: [Statement])
    /// Lines with a layout of their own, and what closes them: at the end of the last one, or after a line break.
    case verbatim([String], close: String)
    /// `case "x": statement`
    case switchCase(String, Statement)
}

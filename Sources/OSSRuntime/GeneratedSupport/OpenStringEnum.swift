/// A vocabulary of the service: a string, with names for the values known today.
///
/// Values that the service adds tomorrow are kept as they are, and can be sent too:
///
/// ```swift
/// switch object.storageClass {
/// case .standard: …
/// case .ia: …
/// case let other: print("new to this program: \(other)")
/// }
/// request.storageClass = "DeepColdArchive"
/// ```
public protocol OpenStringEnum: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral,
    CustomStringConvertible
where RawValue == String, StringLiteralType == String {
    /// Makes the value that the service writes like this.
    init(rawValue: String)
}

extension OpenStringEnum {
    @inlinable
    public init(stringLiteral value: String) {
        self.init(rawValue: value)
    }

    public var description: String { rawValue }
}

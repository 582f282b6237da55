/// What went wrong with a request's or a response's body on this side of the network.
///
/// A body error is about the bytes themselves: a file that can't be read, a stream of the wrong
/// length, a reply larger than the caller's limit. What the network did is a ``TransportError``.
public struct BodyError: Error, Sendable, CustomStringConvertible {
    /// The kinds of body errors. More may be added.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        private let name: String

        private init(_ name: String) { self.name = name }

        /// A file could not be opened or read.
        public static let file = Kind("file")
        /// A file's size changed between the start and the end of its upload.
        public static let fileChanged = Kind("fileChanged")
        /// A body had fewer or more bytes than its declared length.
        public static let lengthMismatch = Kind("lengthMismatch")
        /// A body that can be read once was read again.
        public static let alreadyConsumed = Kind("alreadyConsumed")
        /// A response's body was larger than the limit it was collected with.
        public static let tooLarge = Kind("tooLarge")

        public var description: String { name }
    }

    /// What kind of error it is.
    public var kind: Kind
    /// A sentence for people. Errors about a file name its path.
    public var message: String
    /// The operating system's error number, where it gave one.
    public var errorNumber: Int32?

    /// Creates a body error.
    public init(_ kind: Kind, _ message: String, errorNumber: Int32? = nil) {
        self.kind = kind
        self.message = message
        self.errorNumber = errorNumber
    }

    public var description: String { message }
}

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Android)
    import Android
#endif

/// The process's environment, without Foundation.
package enum Environment {
    /// What stands for the process's variables: a test's own, which others that run beside it don't see.
    @TaskLocal package static var replacement: [String: String]?

    package static func value(of name: String) -> String? {
        if let replacement { return replacement[name] }
        return getenv(name).map { String(cString: $0) }
    }
}

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
    package static func value(of name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}

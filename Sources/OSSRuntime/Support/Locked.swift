#if THREAD_SANITIZER
    #if canImport(Glibc)
        import Glibc
    #elseif canImport(Musl)
        import Musl
    #elseif canImport(Darwin)
        import Darwin
    #endif

    /// A value behind a lock. On Linux the library's mutex is built on a futex, of which the thread sanitizer knows
    /// nothing: it would report every use. It knows this one.
    package struct Locked<Value>: ~Copyable, Sendable {
        // Sendable: the value is touched under the mutex only.
        private final class Storage: @unchecked Sendable {
            var mutex = pthread_mutex_t()
            var value: Value

            init(_ value: sending Value) {
                self.value = value
                pthread_mutex_init(&mutex, nil)
            }

            deinit { pthread_mutex_destroy(&mutex) }
        }

        private let storage: Storage

        package init(_ value: consuming sending Value) {
            storage = Storage(value)
        }

        package borrowing func withLock<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            pthread_mutex_lock(&storage.mutex)
            defer { pthread_mutex_unlock(&storage.mutex) }
            return try body(&storage.value)
        }
    }
#else
    package import Synchronization

    /// A value behind a lock.
    package typealias Locked = Mutex
#endif

import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The few system calls that storage needs, with errors instead of codes.
enum Files {
    static func failure(_ what: String, _ path: String = "") -> StorageFailure {
        let code = errno
        let reason = String(cString: strerror(code))
        return StorageFailure(description: path.isEmpty ? "\(what): \(reason)" : "\(what) \(path): \(reason)")
    }

    static func makeDirectory(_ path: String) throws {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw failure("cannot create", path) }
    }

    /// Creates a folder and those above it that are missing.
    static func makeDirectories(_ path: String) throws {
        var built = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            built += built.isEmpty || built.hasSuffix("/") ? String(part) : "/" + part
            try makeDirectory(built)
        }
    }

    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func size(_ path: String) -> Int64? {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int64(status.st_size) : nil
    }

    static func list(_ path: String) throws -> [String] {
        guard let directory = opendir(path) else { throw failure("cannot list", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
                    String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func open(_ path: String, _ flags: Int32) throws -> CInt {
        while true {
            #if canImport(Glibc)
                let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o600)
            #elseif canImport(Musl)
                let descriptor = Musl.open(path, flags | O_CLOEXEC, 0o600)
            #else
                let descriptor = Darwin.open(path, flags | O_CLOEXEC, 0o600)
            #endif
            if descriptor >= 0 { return descriptor }
            if errno != EINTR { throw failure("cannot open", path) }
        }
    }

    static func close(_ descriptor: CInt) {
        #if canImport(Glibc)
            _ = Glibc.close(descriptor)
        #elseif canImport(Musl)
            _ = Musl.close(descriptor)
        #else
            _ = Darwin.close(descriptor)
        #endif
    }

    static func writeAll(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while let base = rest.baseAddress, rest.count > 0 {
            let count = write(descriptor, base, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("cannot write")
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    static func readAll(_ path: String) throws -> [UInt8] {
        let descriptor = try open(path, O_RDONLY)
        defer { close(descriptor) }
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("cannot read", path)
            }
            if count == 0 { return result }
            result.append(contentsOf: chunk[..<count])
        }
    }

    static func readRegion(_ descriptor: CInt, at offset: Int64, count: Int) throws -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        var done = 0
        while done < count {
            let position = offset + Int64(done)
            let got = try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count - done) { target -> Int in
                while true {
                    let got = pread(descriptor, target.baseAddress, count - done, off_t(position))
                    if got >= 0 { return got }
                    if errno != EINTR { throw failure("cannot read") }
                }
            }
            if got == 0 { break }
            done += got
        }
        return buffer
    }

    /// Waits until the file's bytes are on the disk.
    static func synchronize(_ descriptor: CInt) throws {
        #if canImport(Darwin)
            let result = fsync(descriptor)
        #else
            let result = fdatasync(descriptor)
        #endif
        if result != 0 { throw failure("cannot synchronize") }
    }

    /// Waits until a folder's entries are on the disk.
    static func synchronizeDirectory(_ path: String) throws {
        let descriptor = try open(path, O_RDONLY)
        defer { close(descriptor) }
        if fsync(descriptor) != 0 { throw failure("cannot synchronize", path) }
    }

    static func move(_ source: String, to target: String) throws {
        if rename(source, target) != 0 { throw failure("cannot rename to", target) }
    }

    static func remove(_ path: String) throws {
        if unlink(path) != 0, errno != ENOENT { throw failure("cannot remove", path) }
    }

    /// A folder with all that is in it.
    static func removeTree(_ path: String) throws {
        guard isDirectory(path) else { return try remove(path) }
        for name in try list(path) { try removeTree(path + "/" + name) }
        if rmdir(path) != 0, errno != ENOENT { throw failure("cannot remove", path) }
    }

    /// Takes the lock that keeps a second process out; it ends with the descriptor.
    static func lock(_ descriptor: CInt) -> Bool {
        flock(descriptor, LOCK_EX | LOCK_NB) == 0
    }
}

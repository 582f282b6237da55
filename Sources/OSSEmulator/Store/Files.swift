import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension StorageFailure {
    var isMissingFile: Bool { code == ENOENT }
}

/// The few system calls that storage needs, with errors instead of codes.
enum Files {
    static func failure(_ what: String, _ path: String = "") -> StorageFailure {
        let code = errno
        let reason = String(cString: strerror(code))
        return StorageFailure(
            description: path.isEmpty ? "\(what): \(reason)" : "\(what) \(path): \(reason)", code: code)
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
        while true {
            // Only this tells the end from an error, and half a list would be taken for the whole.
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw failure("cannot list", path) }
                return names
            }
            let name = withUnsafePointer(to: entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
                    String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
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
            #if canImport(Glibc)
                let count = Glibc.write(descriptor, base, rest.count)
            #elseif canImport(Musl)
                let count = Musl.write(descriptor, base, rest.count)
            #else
                let count = Darwin.write(descriptor, base, rest.count)
            #endif
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
        // A record is small: one call takes the whole of it.
        var room = 2048
        while true {
            let have = result.count
            result.append(contentsOf: repeatElement(0, count: room))
            let count = result.withUnsafeMutableBytes { read(descriptor, $0.baseAddress?.advanced(by: have), room) }
            result.removeLast(room - max(count, 0))
            if count < 0, errno != EINTR { throw failure("cannot read", path) }
            if (0..<room).contains(count) { return result }
            room = max(2048, have)
        }
    }

    /// Writes a new file; on an error there is none.
    static func write(_ bytes: [UInt8], to path: String, synchronizing: Bool) throws {
        let descriptor = try open(path, O_WRONLY | O_CREAT | O_EXCL)
        do {
            defer { close(descriptor) }
            try bytes.withUnsafeBytes { try writeAll(descriptor, $0) }
            if synchronizing { try synchronize(descriptor) }
        } catch {
            try? remove(path)
            throw error
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

    /// Takes the lock that keeps a second process out; it ends with the last copy of the descriptor. False when another
    /// has it.
    static func lock(_ descriptor: CInt, _ path: String) throws -> Bool {
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw failure("cannot lock", path) }
        return false
    }

    static func unlock(_ descriptor: CInt) {
        _ = flock(descriptor, LOCK_UN)
    }
}

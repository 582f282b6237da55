import Foundation
import OSSRuntime

/// Bytes of a response that came faster than they are read, in a temporary file without a name.
final class SpillFile: Sendable {
    private struct State {
        var file: FileHandle?
        var writeOffset: UInt64 = 0
        var readOffset: UInt64 = 0
    }

    private let state = Locked(State())

    /// Adds bytes at the end.
    func append(_ data: Data) throws {
        try state.withLock { state in
            let file = try state.file ?? Self.open()
            state.file = file
            try file.seek(toOffset: state.writeOffset)
            try file.write(contentsOf: data)
            state.writeOffset += UInt64(data.count)
        }
    }

    /// Takes bytes from the front. They must be there.
    func read(_ count: Int) async throws -> [UInt8] {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try self.take(count) }) }
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        try state.withLock { state in
            guard let file = state.file else { throw CocoaError(.fileReadNoSuchFile) }
            try file.seek(toOffset: state.readOffset)
            guard let data = try file.read(upToCount: count), data.count == count else {
                throw CocoaError(.fileReadCorruptFile)
            }
            state.readOffset += UInt64(count)
            if state.readOffset == state.writeOffset {
                try file.truncate(atOffset: 0)
                (state.readOffset, state.writeOffset) = (0, 0)
            }
            return Array(data)
        }
    }

    private static func open() throws -> FileHandle {
        let url = FileManager.default.temporaryDirectory.appending(path: "oss-\(UUID().uuidString)")
        guard FileManager.default.createFile(atPath: url.path, contents: nil, attributes: [.posixPermissions: 0o600])
        else { throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: url.path]) }
        defer { try? FileManager.default.removeItem(at: url) }
        return try FileHandle(forUpdating: url)
    }
}

// The Swift side of the exchange with another client: writes objects for it to read, or reads what it wrote.
// One JSON object per line says what an object must be.

import Crypto
import Foundation
import OSS

struct Object: Codable {
    var key: String
    var size: Int
    var crc64: String
    var sha256: String
    var contentType: String
    var metadata: [String: String]
}

struct Difference: Error, CustomStringConvertible {
    var description: String
}

let arguments = CommandLine.arguments
if arguments.count == 2, arguments[1] == "sign" {
    try await signLines()
    exit(0)
}
if arguments.count >= 3, arguments[1] == "credentials" {
    try await printCredentials(of: arguments[2], Array(arguments[3...]))
    exit(0)
}
guard arguments.count == 5, ["write", "read"].contains(arguments[1]) else {
    let usage = """
        usage: oss-interop write|read ENDPOINT REGION BUCKET
               oss-interop sign
               oss-interop credentials KIND [ARGUMENT ...]

        """
    FileHandle.standardError.write(Data(usage.utf8))
    exit(2)
}
let bucket = arguments[4]
let client = try OSSClient(ClientConfiguration(region: arguments[3], endpoint: arguments[2], credentials: .environment))

if arguments[1] == "write" {
    for object in try await write() {
        print(String(decoding: try JSONEncoder().encode(object), as: UTF8.self))
    }
} else {
    var count = 0
    while let line = readLine() {
        guard !line.isEmpty else { continue }
        try await compare(JSONDecoder().decode(Object.self, from: Data(line.utf8)))
        count += 1
    }
    print("\(count) objects are as written")
}
await client.shutdown()

/// Objects put whole, from a stream of unknown length, in parts and by appending, under keys that are hard to escape.
/// (None with `..`: the HTTP library of the Python SDK resolves it.)
func write() async throws -> [Object] {
    var objects: [Object] = []
    let keys = ["plain.txt", " !@#$%^&*()_+-=;'><,?.txt", "a//b/c", "日本/猫.png", "emoji-😀.json", "+plus%2Fpercent"]
    for (index, key) in keys.enumerated() {
        let bytes = randomBytes(1000 * index)
        let metadata = ["index": String(index), "mixed-case": "value with spaces"]
        try await client.putObject(.init(bucket: bucket, key: key, body: .bytes(bytes), metadata: metadata))
        objects.append(describe(key, bytes, metadata))
    }

    let streamed = randomBytes(700_000)
    let chunks = AsyncStream<[UInt8]> { continuation in
        for start in stride(from: 0, to: streamed.count, by: 65_536) {
            continuation.yield(Array(streamed[start..<min(start + 65_536, streamed.count)]))
        }
        continuation.finish()
    }
    try await client.putObject(.init(bucket: bucket, key: "streamed.bin", body: .stream(chunks)))
    objects.append(describe("streamed.bin", streamed))

    let parts = [randomBytes(200_000), randomBytes(150_000)]
    let upload = try await client.initiateMultipartUpload(
        .init(bucket: bucket, key: "parts.zip", metadata: ["kind": "multipart"]))
    let uploadID = upload.uploadID ?? ""
    var completed: [UploadPart] = []
    for (index, part) in parts.enumerated() {
        let result = try await client.uploadPart(
            .init(bucket: bucket, key: "parts.zip", uploadID: uploadID, partNumber: index + 1, body: .bytes(part))
        )
        completed.append(UploadPart(partNumber: index + 1, etag: result.etag))
    }
    try await client.completeMultipartUpload(
        .init(bucket: bucket, key: "parts.zip", uploadID: uploadID, completeMultipartUpload: .init(parts: completed))
    )
    objects.append(describe("parts.zip", parts[0] + parts[1], ["kind": "multipart"]))

    let lines = [randomBytes(1000), randomBytes(2000)]
    let first = try await client.appendObject(
        .init(bucket: bucket, key: "log.txt", position: 0, body: .bytes(lines[0])))
    try await client.appendObject(
        .init(bucket: bucket, key: "log.txt", position: first.nextPosition ?? 0, body: .bytes(lines[1])))
    objects.append(describe("log.txt", lines[0] + lines[1]))
    return objects
}

func compare(_ object: Object) async throws {
    let result = try await client.getObject(.init(bucket: bucket, key: object.key))
    let bytes = try await result.body.collect(upTo: 64 << 20)
    let found = Object(
        key: object.key,
        size: bytes.count,
        crc64: result.hashCRC64 ?? "",
        sha256: hex(SHA256.hash(data: bytes)),
        contentType: result.contentType ?? "",
        metadata: result.metadata
    )
    // Header names carry no case.
    let expectedMetadata = Dictionary(uniqueKeysWithValues: object.metadata.map { ($0.key.lowercased(), $0.value) })
    guard found.size == object.size, found.crc64 == object.crc64, found.sha256 == object.sha256,
        found.contentType == object.contentType, found.metadata == expectedMetadata
    else { throw Difference(description: "\(object.key): expected \(object), found \(found)") }
}

func describe(_ key: String, _ bytes: [UInt8], _ metadata: [String: String] = [:]) -> Object {
    var crc = CRC64()
    crc.update(bytes)
    let types = ["txt": "text/plain", "png": "image/png", "json": "application/json", "zip": "application/zip"]
    let ending = key.split(separator: ".").last.map(String.init) ?? ""
    return Object(
        key: key,
        size: bytes.count,
        crc64: String(crc.value),
        sha256: hex(SHA256.hash(data: bytes)),
        contentType: types[ending] ?? "application/octet-stream",
        metadata: metadata
    )
}

func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in generator.next() }
}

func hex(_ digest: some Sequence<UInt8>) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

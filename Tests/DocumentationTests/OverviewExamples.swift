// swift-format-ignore-file: AlwaysUseLowerCamelCase
// The networks of the examples stand for the type `OSSClient`.

import Foundation
import OSS
import Testing

// The first programs of the READMEs and of the documentation's front page.

@Suite struct OverviewExamples {
    // The file is in the current folder where the tests are run by `swift test`.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "README.md"))) func readme() async throws {
        try await withPublicNetwork { OSSClient in
            // OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET
            let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)

            try await client.putObject("Hello, OSS", bucket: "my-bucket", key: "hello.txt")
            try await client.putObject(fileAt: "README.md", bucket: "my-bucket", key: "README.md")

            let object = try await client.getObject(bucket: "my-bucket", key: "hello.txt")
            print(try await object.body.text(upTo: 1 << 20))

            for try await entry in client.listObjects(bucket: "my-bucket", prefix: "logs/") {
                print(entry.key, entry.size ?? 0)
            }

            do {
                _ = try await client.headObject(bucket: "my-bucket", key: "missing")
            } catch let error as OSSError where error.code == .noSuchKey {
                print(error)
            }
        }
    }

    @Test func frontPage() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)
            try await client.putObject("Hello, OSS", bucket: "my-bucket", key: "hello.txt")

            let object = try await client.getObject(bucket: "my-bucket", key: "hello.txt")
            for try await chunk in object.body {
                print(chunk.count)
            }
        }
    }

    @Test func rawRequests() async throws {
        try await withClient { client in
            let result = try await client.send(
                RawRequest(method: .get, bucket: "my-bucket", query: ["requestPayment": ""]))
            print(try await result.body.text(upTo: 1 << 20))
        }
    }
}

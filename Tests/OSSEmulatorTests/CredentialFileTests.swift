import Testing

@testable import OSSEmulator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct CredentialFileTests {
    private func parse(_ text: String) throws -> [EmulatorCredential] {
        try EmulatorCredential.parse(Array(text.utf8), name: "keys")
    }

    private func failure(_ text: String) -> String? {
        do {
            _ = try parse(text)
            return nil
        } catch {
            return (error as? EmulatorError)?.description ?? "\(error)"
        }
    }

    @Test func pairsOfKeys() throws {
        let found = try parse(
            "# comment\r\n\r\n  accessKeyId=a.b-c_1\taccessKeySecret=x=/+&\"#  \n"
                + "accountId=1002 accessKeySecret=s accessKeyId=b\n  # accessKeyId=c\n"
                + "accessKeyId=STS.x accessKeySecret=t accountId=1002 securityToken=a=b expiration=2030-01-01T00:00:00Z"
        )
        #expect(
            found == [
                EmulatorCredential(accessKeyID: "a.b-c_1", accessKeySecret: "x=/+&\"#"),
                EmulatorCredential(accessKeyID: "b", accessKeySecret: "s", accountID: "1002"),
                EmulatorCredential(
                    accessKeyID: "STS.x", accessKeySecret: "t", securityToken: "a=b", accountID: "1002",
                    expiration: EmulatorInstant(secondsSince1970: 1_893_456_000)),
            ])
    }

    @Test func mistakesAreSaidWithTheirLineAndNoSecret() {
        let good = "accessKeyId=a accessKeySecret=topsecret"
        let cases = [
            ("", "keys: there is no pair of keys in it"),
            ("# only\n\n", "keys: there is no pair of keys in it"),
            ("\n\naccessKeyId=a", "keys:3: accessKeySecret is missing"),
            ("accessKeySecret=topsecret", "keys:1: accessKeyId is missing"),
            ("a topsecret", "keys:1: word 1 is not of the form name=value"),
            (good + "\n" + good, "keys:2: the accessKeyId is there twice"),
            (good + " topsecret", "keys:1: word 3 is not of the form name=value"),
            (good + " topsecret==", "keys:1: word 3 is none of accessKeyId=, accessKeySecret="),
            (good + " accessKeySecret=topsecret", "keys:1: word 3 says accessKeySecret once more"),
            ("accessKeyId= accessKeySecret=topsecret", "keys:1: word 1 is no accessKeyId"),
            ("accessKeyId=a/b accessKeySecret=topsecret", "keys:1: word 1 is no accessKeyId"),
            ("accessKeyId=a:b accessKeySecret=topsecret", "keys:1: word 1 is no accessKeyId"),
            ("accessKeyId=a accessKeySecret=", "keys:1: word 2 is no accessKeySecret"),
            ("accessKeyId=a accessKeySecret=topsecretß", "keys:1: word 2 is no accessKeySecret"),
            (good + " accountId=topsecret", "keys:1: word 3 is no accountId"),
            (good + " accountId=", "keys:1: word 3 is no accountId"),
            (good + " expiration=topsecret", "keys:1: word 3 is no expiration"),
            (good + " expiration=2030-01-01T00:00:00Z", "keys:1: only a pair with a securityToken"),
        ]
        for (text, expected) in cases {
            let said = failure(text) ?? "nothing"
            #expect(said.hasPrefix(expected), "\(text): \(said)")
            #expect(!said.contains("topsecret"), "\(said)")
        }
        #expect(throws: EmulatorError.self) { try EmulatorCredential.parse([0xFF], name: "keys") }
    }

    @Test func filesThatCannotBeRead() throws {
        #expect(throws: EmulatorError.self) { try EmulatorCredential.read(file: "/nowhere/keys") }
        #expect(throws: EmulatorError.self) { try EmulatorCredential.read(file: "/") }
        let path = "/tmp/oss-emulator-keys-\(UInt64.random(in: 0 ... .max))"
        try Files.write(Array("accessKeyId=a accessKeySecret=b".utf8), to: path, synchronizing: false)
        defer { unlink(path) }
        #expect(try EmulatorCredential.read(file: path).map(\.accessKeyID) == ["a"])
    }

    @Test func accountsAreApart() async throws {
        let keys = try parse(
            "accessKeyId=alice-1 accessKeySecret=a accountId=1001\naccessKeyId=bob-1 accessKeySecret=b accountId=1002\n"
                + "accessKeyId=bob-2 accessKeySecret=c accountId=1002")
        try await withEmulator {
            $0.credentials = keys
        } _: { alice async throws in
            #expect(alice.accessKeyID == "alice-1")
            var bob = alice
            (bob.accessKeyID, bob.accessKeySecret) = ("bob-1", "b")
            #expect(try await bob.send("PUT", "/bobs/").status == 200)
            (bob.accessKeyID, bob.accessKeySecret) = ("bob-2", "c")
            #expect(try await bob.send("PUT", "/bobs/k", text: "x").status == 200)
            let list = try await bob.send("GET", "/")
            #expect(list.elements("Name") == ["bobs"] && list.element("ID") == "1002")
            #expect(try await alice.send("GET", "/").elements("Name") == ["bkt"])
            #expect(try await alice.send("GET", "/bobs/k").status == 403)
            #expect(try await alice.send("DELETE", "/bobs/").status == 403)
        }
    }
}

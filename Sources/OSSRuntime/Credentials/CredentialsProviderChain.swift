/// Asks one provider after the other, and takes the credentials of the first that has some.
///
/// The one that answered is asked first from then on; when it fails, all are asked again from the start.
public final class CredentialsProviderChain: CredentialsProvider {
    /// A provider with the name that errors call it.
    public struct Link: Sendable {
        let name: String
        let make: @Sendable () throws -> any CredentialsProvider

        /// A provider that is there.
        public init(_ name: String, _ provider: any CredentialsProvider) {
            self.name = name
            make = { provider }
        }

        /// A provider that is made when it is its turn; what making it throws counts as its answer.
        public init(_ name: String, make: @escaping @Sendable () throws -> any CredentialsProvider) {
            self.name = name
            self.make = make
        }
    }

    private let links: [Link]
    private let state = Locked<(made: [Int: any CredentialsProvider], last: Int?)>(([:], nil))

    /// Makes a chain of providers, in the order in which they are asked.
    public init(_ links: [Link]) {
        self.links = links
    }

    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/credentials`` that lists what each provider said;
    ///   `CancellationError`.
    public func credentials() async throws -> Credentials {
        let last = state.withLock { $0.last }
        var answers: [Int: String] = [:]
        for index in ([last].compactMap(\.self) + links.indices) where answers[index] == nil {
            do {
                let credentials = try await provider(index).credentials()
                state.withLock { $0.last = index }
                return credentials
            } catch let error as CancellationError {
                throw error
            } catch {
                answers[index] = (error as? OSSError)?.message ?? "\(error)"
            }
        }
        let list = links.enumerated().map { "\($1.name): \(answers[$0] ?? "not asked")" }.joined(separator: "; ")
        throw OSSError(
            .credentials, code: .credentialsMissing,
            message: links.isEmpty ? "the chain of providers is empty" : "no provider has credentials: \(list)")
    }

    public func refused(_ credentials: Credentials) -> Bool {
        let provider = state.withLock { state in state.last.flatMap { state.made[$0] } }
        return provider?.refused(credentials) ?? false
    }

    private func provider(_ index: Int) throws -> any CredentialsProvider {
        if let made = state.withLock({ $0.made[index] }) { return made }
        let provider = try links[index].make()
        return state.withLock { state in
            // Two that came at once use the same.
            let kept = state.made[index] ?? provider
            state.made[index] = kept
            return kept
        }
    }
}

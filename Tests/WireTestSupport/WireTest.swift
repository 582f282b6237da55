import OSSRuntime
import SpecModel
import Testing

/// One wire case at run time: sends an input or receives a reply through the runtime, without a network, and compares.
///
/// The rules are those of the wire cases' format: what a case leaves out is not compared, but queries and outputs are
/// complete. All differences of a case are reported together, each with what was expected and what came.
package struct WireTest {
    private let id: String
    /// File and line of the case.
    private let place: String
    private let config: JSONNode?
    private let request: JSONNode?
    private let response: JSONNode?
    private let output: JSONNode?
    private let error: JSONNode?
    private let isPartial: Bool

    /// The texts are the JSON of the case's members of the same names.
    package init(
        _ id: String, at place: String, config: String? = nil, request: String? = nil, response: String? = nil,
        output: String? = nil, error: String? = nil, partial: Bool = false
    ) {
        func parse(_ text: String?) -> JSONNode? {
            var ignored = Diagnostics()
            return text.flatMap { JSONParser.parse(SourceFile(path: place, text: $0), into: &ignored) }
        }
        self.id = id
        self.place = place
        self.config = parse(config)
        self.request = parse(request)
        self.response = parse(response)
        self.output = parse(output)
        self.error = parse(error)
        isPartial = partial
    }

    /// The input must become the request.
    package func checkRequest(
        _ input: some OperationRequest, sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) async {
        do {
            let sent = try await SentRequest(input, WireConfig(config))
            finish(request.map { RequestComparison.differences($0, sent) } ?? [], sourceLocation)
        } catch {
            finish(["expected a request, but making it failed: \(error)"], sourceLocation)
        }
    }

    /// The reply must become the output.
    package func checkOutput<Output: OperationOutput>(
        _ request: (some OperationRequest).Type, _ members: (Output) async throws -> WireMembers,
        sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) async {
        do {
            let result: Output = try await WireReply(response).decode(request)
            let came = try await members(result)
            // A case without an output only says that the call succeeds.
            let differences = output.map { came.differences(from: $0, at: "output", isPartial: isPartial) } ?? []
            finish(differences, sourceLocation)
        } catch {
            finish(["expected an output, got the error: \(error)"], sourceLocation)
        }
    }

    /// The reply must become the error.
    package func checkError<Output: OperationOutput>(
        _ request: (some OperationRequest).Type, _ result: Output.Type,
        sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) async {
        do {
            let result: Output = try await WireReply(response).decode(request)
            finish(["expected an error, got the output: \(result)"], sourceLocation)
        } catch {
            guard let came = WireError(error) else {
                return finish(["expected an error of the service, got \(error)"], sourceLocation)
            }
            finish(self.error.map { came.differences(from: $0) } ?? [], sourceLocation)
        }
    }

    /// The case cannot be run at all.
    package func fail(_ mistakes: String..., sourceLocation: Testing.SourceLocation = #_sourceLocation) {
        finish(mistakes, sourceLocation)
    }

    private func finish(_ differences: [String], _ sourceLocation: Testing.SourceLocation) {
        WireLog.record(id: id, place: place, differences)
        guard !differences.isEmpty else { return }
        let text = (["\(id) (\(place))"] + differences.map { "  " + $0 }).joined(separator: "\n")
        Issue.record(Comment(rawValue: text), sourceLocation: sourceLocation)
    }
}

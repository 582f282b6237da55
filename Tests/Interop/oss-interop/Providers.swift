import Foundation
import OSS
import OSSKMS

/// Prints what the provider of a kind gets. Most read the environment.
func printCredentials(of kind: String, _ arguments: [String]) async throws {
    func argument(_ index: Int) -> String? { arguments.indices.contains(index) ? arguments[index] : nil }
    let first = argument(0) ?? ""
    let provider: any CredentialsProvider =
        switch kind {
        case "environment": .environment
        case "chain": .chain()
        case "profile": .profile()
        case "uri": try .uri()
        case "oidc": try .oidcRole(endpoint: first)
        case "ecs-role": try .ecsRole(argument(1), endpoint: first)
        case "ram-role":
            try .ramRole(
                argument(1) ?? "", source: .environment, sessionName: argument(2) ?? "", policy: argument(5),
                duration: .seconds(argument(3).flatMap { Int($0) } ?? 0), externalID: argument(4), endpoint: first)
        case "rotating":
            try .rotating(
                secretName: argument(1) ?? "", clientKeyFile: argument(2) ?? "", password: argument(3) ?? "",
                region: "cn-hangzhou", endpoint: first)
        default: throw Difference(description: "no provider is of the kind \(kind)")
        }
    let credentials = try await provider.credentials()
    let found = [
        "id": credentials.accessKeyID, "secret": credentials.accessKeySecret, "token": credentials.securityToken,
    ]
    print(String(decoding: try JSONEncoder().encode(found.compactMapValues(\.self)), as: UTF8.self))
}

import Foundation
import HTTPTypes
import OSS

/// A request to sign, as `signatures.py` makes it.
private struct Case: Codable {
    var version: String
    var inQuery: Bool
    var method: String
    var bucket: String?
    var key: String?
    /// As sent.
    var query: String
    var headers: [[String]]
    var additional: [String]
    var id: String
    var secret: String
    var token: String?
    var region: String
    var product: String
    var time: TimeInterval
    var expires: Int
}

private struct Signed: Codable {
    var authorization: String?
    var query: String
}

/// Signs a line of JSON after the other, and prints what the signature came to.
func signLines() async throws {
    while let line = readLine() {
        let wanted = try JSONDecoder().decode(Case.self, from: Data(line.utf8))
        var fields = HTTPFields()
        for header in wanted.headers {
            guard let name = HTTPField.Name(header[0]) else { throw Difference(description: "header \(header[0])") }
            fields.append(HTTPField(name: name, value: header[1]))
        }
        guard let method = HTTPRequest.Method(wanted.method) else { throw Difference(description: wanted.method) }
        var request = SignableRequest(
            method: method, bucket: wanted.bucket, key: wanted.key, query: wanted.query, headers: fields)
        let parameters = SigningParameters(
            credentials: Credentials(
                accessKeyID: wanted.id, accessKeySecret: wanted.secret, securityToken: wanted.token),
            region: wanted.region, product: wanted.product, date: Date(timeIntervalSince1970: wanted.time),
            additionalHeaders: wanted.additional)
        let signer = Signer(wanted.version == "v4" ? .v4 : .v1)
        if wanted.inQuery {
            try await signer.presign(&request, with: parameters, expiresIn: wanted.expires)
        } else {
            try await signer.sign(&request, with: parameters)
        }
        let signed = Signed(
            authorization: wanted.inQuery ? nil : request.headers[.authorization], query: request.query)
        print(String(decoding: try JSONEncoder().encode(signed), as: UTF8.self))
    }
}

import NIOCore
import NIOHTTP1
import NIOPosix

/// What a client wants somebody to be told when its object is stored.
struct Callback: Sendable {
    struct Address: Sendable {
        var isSecure = false
        var host: String
        var port: Int
        /// With the query.
        var path: String
        /// As it stood in the URL.
        var authority: String

        init?(_ url: String) {
            var rest = url[...]
            for (scheme, isSecure) in [("http://", false), ("https://", true)]
            where rest.lowercased().hasPrefix(scheme) {
                rest = rest.dropFirst(scheme.count)
                self.isSecure = isSecure
            }
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            authority = String(rest[..<end])
            path = rest[end...].hasPrefix("/") ? String(rest[end...]) : "/" + rest[end...]
            var name = authority[...]
            port = isSecure ? 443 : 80
            if let colon = name.lastIndex(of: ":"), !name.hasSuffix("]") {
                guard let number = Int(name[name.index(after: colon)...]), (1...65535).contains(number) else {
                    return nil
                }
                port = number
                name = name[..<colon]
            }
            if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
            host = name.lowercased()
            guard !host.isEmpty, url.utf8.allSatisfy({ (33...126).contains($0) }) else { return nil }
        }

        /// The address to connect to, on this machine; nil for all others.
        var loopback: String? {
            if host == "localhost" { return "127.0.0.1" }
            guard let address = try? SocketAddress(ipAddress: host, port: port) else { return nil }
            return host == "::1" || (address.protocol == .inet && host.hasPrefix("127.")) ? host : nil
        }
    }

    /// Asked in turn until one answers well.
    let addresses: [Address]
    private let host: String?
    private let body: String
    private let isJSON: Bool
    private let variables: [JSONValue.Member]

    /// Nil when nobody is to be told.
    init?(_ request: Request) throws(Fault) {
        guard let text = request.nonEmptyHeader("x-oss-callback") ?? request.query.nonEmpty("callback") else {
            return nil
        }
        let parameters = try Self.read("callback", text, ecs: ("0007-00000002", "0007-00000003"))
        let url = parameters["callbackUrl"]?.string ?? ""
        guard !url.isEmpty else { return nil }
        var addresses: [Address] = []
        for part in url.split(separator: ";") {
            guard let address = Address(String(part)) else {
                throw .invalidCallback("callbackUrl", url, "The callback URL is invalid.", ec: "0007-00000004")
            }
            addresses.append(address)
        }
        guard (1...5).contains(addresses.count) else {
            throw .invalidCallback("callbackUrl", url, "There must be 1 to 5 callback URLs.", ec: "0007-00000004")
        }
        self.addresses = addresses
        host = parameters["callbackHost"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        if let host, !host.utf8.allSatisfy({ (33...126).contains($0) }) {
            throw .invalidCallback("callbackHost", host, "The callback host is invalid.")
        }
        guard let body = parameters["callbackBody"]?.string, !body.isEmpty else {
            throw .invalidCallback("callbackBody", "", "The callback body must be a string that is not empty.")
        }
        self.body = body
        switch parameters["callbackBodyType"]?.string {
        case nil, "", "application/x-www-form-urlencoded": isJSON = false
        case "application/json": isJSON = true
        case let other?:
            throw .invalidCallback("callbackBodyType", other, "The callback body type is not supported.")
        }
        variables = try Self.variables(request)
    }

    private static func read(
        _ name: String, _ text: String, ecs: (base64: String, json: String)
    ) throws(Fault) -> JSONValue {
        guard let bytes = Base64.decode(text) else {
            throw .invalidCallback(name, text, "The callback configuration is not base64 encoded.", ec: ecs.base64)
        }
        guard let value = try? JSONReader.read(bytes), case .object = value else {
            throw .invalidCallback(name, text, "The callback configuration is not json format.", ec: ecs.json)
        }
        return value
    }

    private static func variables(_ request: Request) throws(Fault) -> [JSONValue.Member] {
        guard let text = request.nonEmptyHeader("x-oss-callback-var") ?? request.query.nonEmpty("callback-var"),
            case .object(let members) = try read("callback-var", text, ecs: ("0007-00000102", "0007-00000103"))
        else { return [] }
        for member in members {
            guard member.name.hasPrefix("x:"), member.name == member.name.lowercased(), member.value.string != nil
            else {
                throw .invalidCallback(
                    "callback-var", member.name,
                    "A variable has a name in lower case that begins with x:, and a string.")
            }
        }
        return members
    }

    /// The body with everything put in; nil when that should be JSON and isn't.
    fileprivate func filled(for version: ObjectVersion, bucket: String, requestID: String) -> [UInt8]? {
        var result = ""
        var rest = body[...]
        while let start = rest.firstRange(of: "${"), let end = rest[start.upperBound...].firstIndex(of: "}") {
            result += rest[..<start.lowerBound]
            result += value(
                of: String(rest[start.upperBound..<end]), for: version, bucket: bucket, requestID: requestID)
            rest = rest[rest.index(after: end)...]
        }
        let bytes = Array((result + rest).utf8)
        if isJSON, (try? JSONReader.read(bytes)) == nil { return nil }
        return bytes
    }

    private func value(of name: String, for version: ObjectVersion, bucket: String, requestID: String) -> String {
        let text: String
        switch name {
        case "size": return String(version.size)
        case "bucket": text = bucket
        case "object": text = version.key.text
        case "etag": text = version.etag
        case "mimeType": text = version.attributes.contentType
        case "crc64": text = String(version.crc64)
        case "contentMd5": text = version.contentMD5 ?? ""
        case "reqId": text = requestID
        default: text = variables.first { $0.name == name }?.value.string ?? ""
        }
        return isJSON ? String(decoding: JSONValue.string(text).bytes, as: UTF8.self) : Percent.encode(text)
    }

    fileprivate func headers(for address: Address, length: Int, _ call: Call) -> HTTPHeaders {
        var headers: HTTPHeaders = [
            "Host": host ?? address.authority,
            "Connection": "close",
            "Content-Length": String(length),
            "Content-Type": isJSON ? "application/json" : "application/x-www-form-urlencoded",
            "Date": call.request.received.httpDate,
            "User-Agent": "aliyun-oss-callback",
            "x-oss-bucket": call.bucketRecord?.name ?? "",
            "x-oss-owner": call.bucketRecord?.ownerID ?? "",
            "x-oss-request-id": call.request.id,
        ]
        if case .account(let account) = call.identity { headers.add(name: "x-oss-requester", value: account) }
        return headers
    }
}

/// Telling somebody, and what comes back. Only this machine is called: the emulator has no business outside.
extension Service {
    private static let callbackLimit = 1 << 20

    /// Makes the callback's answer that of the request, whose object is stored whatever comes of it.
    func perform(
        _ callback: Callback, for version: ObjectVersion, _ call: Call, _ response: Response
    ) async throws -> Response {
        let bucket = try call.bucket.name
        guard let body = callback.filled(for: version, bucket: bucket, requestID: call.request.id) else {
            throw Fault.callbackFailed("The callback body is not valid json format.", ec: "0007-00000203")
        }
        var failure = Fault.callbackFailed
        for address in callback.addresses {
            guard let place = place(of: address) else { continue }
            do {
                let headers = callback.headers(for: address, length: body.count, call)
                let answer = try await post(body, to: place, path: address.path, headers, call.eventLoop)
                var response = response
                response.replace("Content-Type", "application/json")
                response.body = .bytes(answer)
                return response
            } catch let fault as Fault {
                failure = fault
            } catch ChannelError.connectTimeout {
                failure = .callbackTooLate
            } catch {
                failure = .callbackFailed
            }
        }
        throw failure
    }

    /// Where to connect to on this machine; nil where the callback can't be made.
    private func place(of address: Callback.Address) -> (host: String, port: Int)? {
        if let port = configuration.callbackPorts[address.host] { return ("127.0.0.1", port) }
        guard let host = address.loopback, !address.isSecure else { return nil }
        return (host, address.port)
    }

    private func post(
        _ body: [UInt8], to place: (host: String, port: Int), path: String, _ headers: HTTPHeaders,
        _ loop: any EventLoop
    ) async throws -> [UInt8] {
        let time = TimeAmount.milliseconds(configuration.callbackTime.milliseconds)
        let client: CallbackChannel = try await ClientBootstrap(group: loop).connectTimeout(time)
            .connect(to: try SocketAddress(ipAddress: place.host, port: place.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try CallbackChannel(wrappingChannelSynchronously: channel)
                }
            }
        let isLate = NIOLoopBoundBox(false, eventLoop: loop)
        let timer = loop.scheduleTask(in: time) {
            isLate.value = true
            client.channel.close(promise: nil)
        }
        defer { timer.cancel() }
        do {
            return try await exchange(client, body, path, headers)
        } catch {
            // What ends at the limit may end anywhere: while writing, too.
            guard try await loop.submit({ isLate.value }).get() else { throw error }
            throw Fault.callbackTooLate
        }
    }

    private typealias CallbackChannel = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    private func exchange(
        _ client: CallbackChannel, _ body: [UInt8], _ path: String, _ headers: HTTPHeaders
    ) async throws -> [UInt8] {
        try await client.executeThenClose { inbound, outbound in
            let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: headers)
            try await outbound.write(
                contentsOf: [.head(head), .body(.byteBuffer(ByteBuffer(bytes: body))), .end(nil)])
            var status = HTTPResponseStatus.badGateway
            var answer: [UInt8] = []
            for try await part in inbound {
                switch part {
                case .head(let head): status = head.status
                case .body(let bytes):
                    guard answer.count + bytes.readableBytes <= Self.callbackLimit else {
                        throw Fault.callbackFailed(
                            "Error status : 400.User server return too long content-length value")
                    }
                    answer.append(contentsOf: bytes.readableBytesView)
                case .end:
                    guard status == .ok else { throw Fault.callbackFailed("Error status : \(status.code).") }
                    guard (try? JSONReader.read(answer)) != nil else {
                        throw Fault.callbackFailed("Response body is not valid json format.", ec: "0007-00000205")
                    }
                    return answer
                }
            }
            throw Fault.callbackFailed
        }
    }
}

extension Fault {
    static func invalidCallback(_ name: String, _ value: String, _ message: String, ec: String = "") -> Fault {
        invalidArgument(name, value, message, ec: ec)
    }

    static let callbackTooLate = callbackFailed("Cost too long time", ec: "0007-00000202")

    /// The object is stored all the same.
    static func callbackFailed(_ message: String, ec: String = "0007-00000203") -> Fault {
        Fault(.nonAuthoritativeInformation, "CallbackFailed", message, ec: ec)
    }
}

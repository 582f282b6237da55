extension Operation {
    static let liveChannelOperations: [Operation] = [
        Operation("ListLiveChannel", .GET, .bucket, "live", need: .owner) { try $0.listLiveChannels($1) },
        Operation("GetLiveChannelInfo", .GET, .object, "live", need: .owner) { _, call in
            throw Fault.noSuchLiveChannel(try call.key)
        },
        Operation("DeleteLiveChannel", .DELETE, .object, "live", need: .owner) { _, call in
            throw Fault.noSuchLiveChannel(try call.key)
        },
    ]
}

/// Live channels can't be made here, so there are none.
extension Service {
    func listLiveChannels(_ call: Call) throws -> Response {
        let limit = try call.number("max-keys", default: 100, in: 1...1000)
        return Response(root: "ListLiveChannelResult") { xml in
            xml.element("Prefix", call.query.value("prefix") ?? "")
            xml.element("Marker", call.query.value("marker") ?? "")
            xml.element("MaxKeys", limit)
            xml.element("IsTruncated", false)
            xml.element("NextMarker", "")
        }
    }
}

extension Fault {
    static func noSuchLiveChannel(_ key: ObjectKey) -> Fault {
        Fault(.notFound, "NoSuchLiveChannel", "The specified live channel does not exist.").detail("Key", key.text)
    }
}

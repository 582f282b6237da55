extension Operation {
    static let liveChannelOperations: [Operation] = [
        Operation("PutLiveChannel", .PUT, .object, "live", need: .owner) { try await $0.putLiveChannel($1) },
        Operation("PutLiveChannelStatus", .PUT, .object, "live&status", need: .owner) {
            try await $0.putLiveChannelStatus($1)
        },
        Operation("GetLiveChannelInfo", .GET, .object, "live", need: .owner, action: "GetLiveChannel") {
            try $0.getLiveChannelInfo($1)
        },
        Operation("GetLiveChannelStat", .GET, .object, "live&comp=stat", need: .owner) {
            try $0.getLiveChannelStat($1)
        },
        Operation("GetLiveChannelHistory", .GET, .object, "live&comp=history", need: .owner) {
            try $0.getLiveChannelHistory($1)
        },
        Operation("ListLiveChannel", .GET, .bucket, "live", need: .owner) { try $0.listLiveChannel($1) },
        Operation("DeleteLiveChannel", .DELETE, .object, "live", need: .owner) { try await $0.deleteLiveChannel($1) },
        Operation("PostVodPlaylist", .POST, .object, "vod", need: .owner) { try $0.refuseVodPlaylist($1) },
        Operation("GetVodPlaylist", .GET, .object, "vod", need: .owner) { try $0.refuseVodPlaylist($1) },
    ]
}

/// Live channels: kept and listed. Nothing is listening for a stream, so none is ever live and none has a history.
extension Service {
    private static let liveChannel = Schema.of(
        .optional("Description", .text(0...128)),
        .optional("Status", liveChannelStatus, default: "enabled"),
        .one(
            "Target",
            .of(
                .one("Type", .choice(["HLS"])), .optional("FragDuration", .integer(1...100), default: "5"),
                .optional("FragCount", .integer(1...100), default: "3"),
                .optional("PlaylistName", .text(6...128), default: "playlist.m3u8"))),
        .optional(
            "Snapshot",
            .of(.one("RoleName"), .one("DestBucket"), .one("NotifyTopic"), .one("Interval", .integer(1...100)))))
    private static let liveChannelStatus = Schema.choice(["enabled", "disabled"])

    func putLiveChannel(_ call: Call) async throws -> Response {
        let bucket = try call.bucket.name
        let name = try call.key.text
        var document = try await call.document(root: "LiveChannelConfiguration", Self.liveChannel)
        guard name.utf8.count <= 1023, !name.contains("/") else {
            throw Fault.invalidArgument("LiveChannelName", name, "The name of a live channel has no slash.")
        }
        let playlist = document["Target/PlaylistName"]?.trimmedText ?? ""
        guard playlist.hasSuffix(".m3u8"), !playlist.contains("/") else {
            throw Fault.invalidArgument("PlaylistName", playlist, "The name of a playlist ends with .m3u8.")
        }
        document.set(XMLNode("LastModified", call.request.received.iso8601))
        let bytes = document.bytes
        try await changeBucket(call) { $0.documents["live/\(name)"] = bytes }
        return Response(root: "CreateLiveChannelResult") { $0.liveChannelURLs(name, document, bucket, call.request) }
    }

    func putLiveChannelStatus(_ call: Call) async throws -> Response {
        let name = try call.key.text
        let status = call.query.value("status") ?? ""
        guard status == "enabled" || status == "disabled" else {
            throw Fault.invalidArgument("status", status, "The status must be enabled or disabled.")
        }
        try await changeBucket(call) { bucket in
            guard var document = bucket.document("live", name) else { throw Fault.noSuchLiveChannel(name) }
            document.set(XMLNode("Status", status))
            bucket.documents["live/\(name)"] = document.bytes
        }
        return Response()
    }

    private func liveChannel(_ call: Call) throws -> XMLNode {
        let name = try call.key.text
        guard let document = try call.bucket.document("live", name) else { throw Fault.noSuchLiveChannel(name) }
        return document
    }

    func getLiveChannelInfo(_ call: Call) throws -> Response {
        var document = try liveChannel(call)
        document.remove("LastModified")
        if document.child("Description") == nil { document.children.insert(XMLNode("Description"), at: 0) }
        return Response(document: document)
    }

    func getLiveChannelStat(_ call: Call) throws -> Response {
        let isEnabled = try liveChannel(call).value("Status") == "enabled"
        return Response(root: "LiveChannelStat") { $0.element("Status", isEnabled ? "Idle" : "Disabled") }
    }

    func getLiveChannelHistory(_ call: Call) throws -> Response {
        _ = try liveChannel(call)
        return Response(root: "LiveChannelHistory") { _ in }
    }

    func listLiveChannel(_ call: Call) throws -> Response {
        let bucket = try call.bucket
        let prefix = call.query.value("prefix") ?? ""
        let marker = call.query.nonEmpty("marker")
        let limit = try call.number("max-keys", default: 100, in: 1...1000)
        let all = bucket.documents("live").filter { $0.name.utf8.starts(with: prefix.utf8) }
        let page = Page(all, after: marker, limit: limit) { $0.name }
        return Response(root: "ListLiveChannelResult") { xml in
            xml.element("Prefix", prefix)
            xml.element("Marker", marker ?? "")
            xml.element("MaxKeys", limit)
            xml.element("IsTruncated", page.next != nil)
            xml.element("NextMarker", page.next ?? "")
            for (name, document) in page.items {
                xml.element("LiveChannel") { xml in
                    xml.element("Name", name)
                    xml.element("Description", document.child("Description")?.text ?? "")
                    xml.element("Status", document.value("Status") ?? "")
                    xml.element("LastModified", document.value("LastModified") ?? "")
                    xml.liveChannelURLs(name, document, bucket.name, call.request)
                }
            }
        }
    }

    func deleteLiveChannel(_ call: Call) async throws -> Response {
        let name = try call.key.text
        try await changeBucket(call) { bucket in
            guard bucket.documents.removeValue(forKey: "live/\(name)") != nil else {
                throw Fault.noSuchLiveChannel(name)
            }
        }
        return Response(.noContent)
    }

    /// A playlist is made of what was streamed.
    func refuseVodPlaylist(_ call: Call) throws -> Response {
        let path = try call.key.text
        let name = String(path.prefix { $0 != "/" })
        guard try call.bucket.document("live", name) != nil else { throw Fault.noSuchLiveChannel(name) }
        for argument in ["startTime", "endTime"] {
            let value = call.query.value(argument) ?? ""
            guard Int64(value) != nil else {
                throw Fault.invalidArgument(argument, value, "The time must be in seconds since 1970.")
            }
        }
        throw Fault.invalidArgument(
            "startTime", call.query.value("startTime") ?? "", "No ts file found in specified time span.")
    }
}

extension XMLWriter {
    /// Where a channel would be streamed to and played from.
    fileprivate mutating func liveChannelURLs(
        _ name: String, _ document: XMLNode, _ bucket: String, _ request: Request
    ) {
        var host = request.header("host") ?? ""
        if !host.hasPrefix(bucket + ".") { host = "\(bucket).\(host)" }
        let playlist = document["Target/PlaylistName"]?.trimmedText ?? ""
        element("PublishUrls") { $0.element("Url", "rtmp://\(host)/live/\(name)") }
        element("PlayUrls") { $0.element("Url", "http://\(host)/\(name)/\(playlist)") }
    }
}

extension Fault {
    fileprivate static func noSuchLiveChannel(_ name: String) -> Fault {
        Fault(.notFound, "NoSuchLiveChannel", "The specified live channel does not exist.").detail("LiveChannel", name)
    }
}

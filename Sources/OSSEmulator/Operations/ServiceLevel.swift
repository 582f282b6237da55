extension Operation {
    static let serviceOperations: [Operation] = [
        Operation("DescribeRegions", .GET, .service, "regions", need: .account) { try $0.describeRegions($1) },
        Operation("ListCloudBoxes", .GET, .service, "cloudboxes", need: .account) { try $0.listCloudBoxes($1) },
        Operation(
            "WriteGetObjectResponse", .POST, .service, "x-oss-write-get-object-response", need: .account
        ) { try await $0.writeGetObjectResponse($1) },
    ]
}

/// The service's regions.
enum Region {
    private static let known = [
        "ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-3", "ap-southeast-5", "ap-southeast-6",
        "ap-southeast-7", "cn-beijing", "cn-chengdu", "cn-fuzhou", "cn-guangzhou", "cn-hangzhou", "cn-heyuan",
        "cn-hongkong", "cn-huhehaote", "cn-nanjing", "cn-qingdao", "cn-shanghai", "cn-shenzhen", "cn-wuhan-lr",
        "cn-wulanchabu", "cn-zhangjiakou", "eu-central-1", "eu-west-1", "me-central-1", "me-east-1", "us-east-1",
        "us-west-1",
    ]

    /// With the one that the emulator is in, whatever that is.
    static func all(with region: String) -> [String] {
        known.contains(region) ? known : (known + [region]).sorted()
    }
}

extension Service {
    func describeRegions(_ call: Call) throws -> Response {
        var names = Region.all(with: configuration.region).map { "oss-\($0)" }
        if let wanted = call.query.nonEmpty("regions") {
            guard names.contains(wanted) else { throw Fault.noSuchRegion(wanted) }
            names = [wanted]
        }
        return Response(root: "RegionInfoList") { xml in
            for name in names {
                xml.element("RegionInfo") { xml in
                    xml.element("Region", name)
                    xml.element("InternetEndpoint", "\(name).aliyuncs.com")
                    xml.element("InternalEndpoint", "\(name)-internal.aliyuncs.com")
                    xml.element("AccelerateEndpoint", "oss-accelerate.aliyuncs.com")
                }
            }
        }
    }

    /// Boxes stand in their owners' houses; there is none here.
    func listCloudBoxes(_ call: Call) throws -> Response {
        _ = try call.number("max-keys", default: 100, in: 1...1000)
        let account = try call.account
        return Response(root: "ListCloudBoxResult") { xml in
            xml.owner(account)
            xml.element("CloudBoxes") { _ in }
        }
    }

    /// A function that transforms objects answers for the service with this. No function is ever called here, so no
    /// request waits for the answer.
    func writeGetObjectResponse(_ call: Call) async throws -> Response {
        for name in ["x-oss-request-route", "x-oss-request-token", "x-oss-fwd-status"] {
            guard call.request.nonEmptyHeader(name) != nil else {
                throw Fault.missingArgument.detail("ArgumentName", name)
            }
        }
        throw Fault.invalidArgument(
            "x-oss-request-token", call.request.header("x-oss-request-token") ?? "", "No request waits for this token.")
    }
}

extension Fault {
    fileprivate static func noSuchRegion(_ name: String) -> Fault {
        Fault(.notFound, "NoSuchRegion", "The specified region does not exist.").detail("Region", name)
    }
}

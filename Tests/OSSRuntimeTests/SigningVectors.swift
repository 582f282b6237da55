import HTTPTypes

/// Signatures that the service accepts, made by its other SDKs: access key `ak`, secret `sk`,
/// 2023-12-16T16:20:57Z, region cn-hangzhou, an expiry of 3600 seconds.
struct Vector: Sendable {
    var title: String
    var product = "oss"
    var method: HTTPRequest.Method
    var bucket: String?
    var key: String?
    var query: String
    var headers: [(String, String)]
    var token: String?
    var additionalHeaders: [String] = []
    var canonicalRequest: String
    var stringToSign: String
    /// For signatures in the header.
    var authorization: String?
    /// For signatures in the query.
    var signedQuery: String?

    static let all: [Vector] = [
        Vector(
            title: "V4 header",
            method: .put,
            bucket: "bucket",
            key: "1234+-/123/1.txt",
            query: "param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2",
            headers: [
                ("x-oss-head1", "value"), ("abc", "value"), ("ZAbc", "value"), ("XYZ", "value"),
                ("content-type", "text/plain"),
            ],
            canonicalRequest:
                "PUT\n/bucket/1234%2B-/123/1.txt\n%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&param1=value1&param2\ncontent-type:text/plain\nx-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20231216T162057Z\nx-oss-head1:value\n\n\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/oss/aliyun_v4_request\nf4613657f1b108998e8dbd10a1aa5da621dc2c6e02c9ddec0f163664848704c4",
            authorization:
                "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,Signature=e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe"
        ),
        Vector(
            title: "V4 header, token",
            method: .put,
            bucket: "bucket",
            key: "1234+-/123/1.txt",
            query: "param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2",
            headers: [
                ("x-oss-head1", "value"), ("abc", "value"), ("ZAbc", "value"), ("XYZ", "value"),
                ("content-type", "text/plain"),
            ],
            token: "token",
            canonicalRequest:
                "PUT\n/bucket/1234%2B-/123/1.txt\n%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&param1=value1&param2\ncontent-type:text/plain\nx-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20231216T162057Z\nx-oss-head1:value\nx-oss-security-token:token\n\n\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/oss/aliyun_v4_request\n6e1cb19c77f0ea057fc6767b491db5af0a753f3073ba68594801f8571962044e",
            authorization:
                "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,Signature=e8e2bb87548e2fb1b71367c300da5c7436c242ea9270a03c7f50752aecf62216"
        ),
        Vector(
            title: "V4 header, additional headers",
            method: .put,
            bucket: "bucket",
            key: "1234+-/123/1.txt",
            query: "param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2",
            headers: [
                ("x-oss-head1", "value"), ("abc", "value"), ("ZAbc", "value"), ("XYZ", "value"),
                ("content-type", "text/plain"),
            ],
            additionalHeaders: ["ZAbc", "abc"],
            canonicalRequest:
                "PUT\n/bucket/1234%2B-/123/1.txt\n%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&param1=value1&param2\nabc:value\ncontent-type:text/plain\nx-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20231216T162057Z\nx-oss-head1:value\nzabc:value\n\nabc;zabc\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/oss/aliyun_v4_request\n915769e8550a50ea7bd40e1e8b32c19c128f1bd0047cfa8eb746f2ac49df8645",
            authorization:
                "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,AdditionalHeaders=abc;zabc,Signature=47c9e374f165ecb7e92d150f3e9639082b74d3578a56e388f81a2ad652f4d254"
        ),
        Vector(
            title: "V4 header, service level",
            method: .get,
            bucket: nil,
            key: nil,
            query: "max-keys=10",
            headers: [],
            canonicalRequest:
                "GET\n/\nmax-keys=10\nx-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20231216T162057Z\n\n\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/oss/aliyun_v4_request\n1ccb04c9b4cff76a9d1b1c81f7bc8d0f375b4a727bcad8d88a6373e3f2cc4bdf",
            authorization:
                "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,Signature=625a7ee5824ea15c25725865de6a46c97ead433128244c590a29d741bd77ad75"
        ),
        Vector(
            title: "V4 header, cloud box product",
            product: "oss-cloudbox",
            method: .get,
            bucket: "bucket",
            key: "key",
            query: "",
            headers: [],
            canonicalRequest:
                "GET\n/bucket/key\n\nx-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20231216T162057Z\n\n\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/oss-cloudbox/aliyun_v4_request\nf29598d22462f9f99ae99fd9337028346fe111674b12d49612d39eb39d5decd8",
            authorization:
                "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss-cloudbox/aliyun_v4_request,Signature=a4f379da585ceaedfa2bc5f2bdcfec5e317b86466ac517458e449a846fc5f33f"
        ),
        Vector(
            title: "V4 presign",
            method: .put,
            bucket: "bucket",
            key: "1234+-/123/1.txt",
            query: "param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2",
            headers: [
                ("x-oss-head1", "value"), ("abc", "value"), ("ZAbc", "value"), ("XYZ", "value"),
                ("content-type", "text/plain"),
            ],
            canonicalRequest:
                "PUT\n/bucket/1234%2B-/123/1.txt\n%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&param1=value1&param2&x-oss-credential=ak%2F20231216%2Fcn-hangzhou%2Foss%2Faliyun_v4_request&x-oss-date=20231216T162057Z&x-oss-expires=3600&x-oss-signature-version=OSS4-HMAC-SHA256\ncontent-type:text/plain\nx-oss-head1:value\n\n\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/oss/aliyun_v4_request\n715d6e9846b1a29d48c69d54a076c999005b0aa39e06433b7d9945404563d28d",
            signedQuery:
                "param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2&x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-date=20231216T162057Z&x-oss-expires=3600&x-oss-credential=ak%2F20231216%2Fcn-hangzhou%2Foss%2Faliyun_v4_request&x-oss-signature=7a36e0acd6f5f115e6bb82764a369e1bdec70a4b383a3720d7b7d00ae88fa7b5"
        ),
        Vector(
            title: "V4 presign, token",
            method: .put,
            bucket: "bucket",
            key: "1234+-/123/1.txt",
            query: "param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2",
            headers: [
                ("x-oss-head1", "value"), ("abc", "value"), ("ZAbc", "value"), ("XYZ", "value"),
                ("content-type", "text/plain"),
            ],
            token: "token",
            canonicalRequest:
                "PUT\n/bucket/1234%2B-/123/1.txt\n%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&param1=value1&param2&x-oss-credential=ak%2F20231216%2Fcn-hangzhou%2Foss%2Faliyun_v4_request&x-oss-date=20231216T162057Z&x-oss-expires=3600&x-oss-security-token=token&x-oss-signature-version=OSS4-HMAC-SHA256\ncontent-type:text/plain\nx-oss-head1:value\n\n\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/oss/aliyun_v4_request\nb2f18e5183f14b8740ce065352b525a4e76b655e66d1ba5175e1399266ee3a2f",
            signedQuery:
                "param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2&x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-date=20231216T162057Z&x-oss-expires=3600&x-oss-credential=ak%2F20231216%2Fcn-hangzhou%2Foss%2Faliyun_v4_request&x-oss-security-token=token&x-oss-signature=503f920ac06a667a1c0db203944d4f2bc9848a1f57ebe6db31e09cca9ef8f380"
        ),
        Vector(
            title: "V4 presign, additional headers",
            method: .put,
            bucket: "bucket",
            key: "1234+-/123/1.txt",
            query: "param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2",
            headers: [
                ("x-oss-head1", "value"), ("abc", "value"), ("ZAbc", "value"), ("XYZ", "value"),
                ("content-type", "text/plain"),
            ],
            additionalHeaders: ["ZAbc", "abc"],
            canonicalRequest:
                "PUT\n/bucket/1234%2B-/123/1.txt\n%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&param1=value1&param2&x-oss-additional-headers=abc%3Bzabc&x-oss-credential=ak%2F20231216%2Fcn-hangzhou%2Foss%2Faliyun_v4_request&x-oss-date=20231216T162057Z&x-oss-expires=3600&x-oss-signature-version=OSS4-HMAC-SHA256\nabc:value\ncontent-type:text/plain\nx-oss-head1:value\nzabc:value\n\nabc;zabc\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/oss/aliyun_v4_request\n2aaf3976d893204fbc1c774cb67c9313ed95386fe57e928331c833e72dac0be5",
            signedQuery:
                "param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2&x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-date=20231216T162057Z&x-oss-expires=3600&x-oss-credential=ak%2F20231216%2Fcn-hangzhou%2Foss%2Faliyun_v4_request&x-oss-additional-headers=abc%3Bzabc&x-oss-signature=0b6c1c8e48014ce0a859f364ff3fd2cfcb59c904bac2ae3622d8f6ffbef3749c"
        ),
        Vector(
            title: "vectors V4 header",
            method: .post,
            bucket: "acs:ossvector:cn-hangzhou:1234567890:bucket",
            key: nil,
            query: "putVectors",
            headers: [("content-type", "application/json")],
            canonicalRequest:
                "POST\n/acs%3Aossvector%3Acn-hangzhou%3A1234567890%3Abucket/\nputVectors\ncontent-type:application/json\nx-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20231216T162057Z\n\n\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/oss/aliyun_v4_request\n0c717d26ab20f49c99e2c6a4aff0a2011a95a0b8063a77a6be7c17f9d90368d1",
            authorization:
                "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,Signature=c15304a2ee6619213061ebb64948053cd645df8414ed403c30424d2b1b1f860b"
        ),
        Vector(
            title: "vectors V4 header, no bucket",
            method: .get,
            bucket: "acs:ossvector:cn-hangzhou::",
            key: nil,
            query: "max-keys=3",
            headers: [],
            canonicalRequest:
                "GET\n/acs%3Aossvector%3Acn-hangzhou%3A%3A/\nmax-keys=3\nx-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20231216T162057Z\n\n\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/oss/aliyun_v4_request\n01b9d01a21e1ab64c065e12f6f4ba8d93188569e72711f6bea0bb1c1c2974deb",
            authorization:
                "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,Signature=fe6c0569a5b2fe7d19097f6bca39da821bce118bbc5fe9e0ba087b3284329279"
        ),
        Vector(
            title: "tables V4 header, bucket ARN",
            product: "osstables",
            method: .get,
            bucket: "acs:oss-tables:cn-hangzhou:1234567890:bucket/demo-bucket",
            key: "namespaces/acs:oss-tables:cn-hangzhou:1234567890:bucket/demo-bucket",
            query: "",
            headers: [("content-type", "application/json")],
            canonicalRequest:
                "GET\n/acs%3Aoss-tables%3Acn-hangzhou%3A1234567890%3Abucket/demo-bucket/namespaces/acs%3Aoss-tables%3Acn-hangzhou%3A1234567890%3Abucket/demo-bucket\n\ncontent-type:application/json\nx-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20231216T162057Z\n\n\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/osstables/aliyun_v4_request\ne389938034be823e2d9b9488398bda2b44191764d5ef575707c295c57986579d",
            authorization:
                "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/osstables/aliyun_v4_request,Signature=1f1d348793706e55665fe67e1cedc62ad1c92a0de0b0c156263ddf085b2ab4a9"
        ),
        Vector(
            title: "tables V4 header, no bucket",
            product: "osstables",
            method: .get,
            bucket: "acs:osstables:cn-hangzhou::bucket/",
            key: "buckets",
            query: "",
            headers: [("content-type", "application/json")],
            canonicalRequest:
                "GET\n/acs%3Aosstables%3Acn-hangzhou%3A%3Abucket//buckets\n\ncontent-type:application/json\nx-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:20231216T162057Z\n\n\nUNSIGNED-PAYLOAD",
            stringToSign:
                "OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/osstables/aliyun_v4_request\na63b4a089d9edb3babb0a6f47b74c81e2a3ef9377f400be2871e1b5afe69da29",
            authorization:
                "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/osstables/aliyun_v4_request,Signature=fa325e2dbb8c2602e0c81451cbca186d3b8475ff7341ae1d2911305540978297"
        ),
    ]
}

/// A bucket's default encryption. Nothing is encrypted; what a client sees of it is right.
extension BucketRecord {
    var encryptionRule: XMLNode? {
        document("encryption")?.child("ApplyServerSideEncryptionByDefault")
    }

    /// Sets the rule that the headers of PutBucket ask for.
    mutating func setEncryption(_ request: Request) throws(Fault) {
        let names = [
            ("SSEAlgorithm", "x-oss-server-side-encryption"),
            ("KMSDataEncryption", "x-oss-server-side-data-encryption"),
            ("KMSMasterKeyID", "x-oss-server-side-encryption-key-id"),
        ]
        let rule = names.compactMap { name, header in request.nonEmptyHeader(header).map { XMLNode(name, $0) } }
        guard rule.first?.name == "SSEAlgorithm" else { return }
        var document = XMLNode("ServerSideEncryptionRule", [XMLNode("ApplyServerSideEncryptionByDefault", rule)])
        try document.settleEncryption()
        documents["encryption"] = document.bytes
    }
}

extension XMLNode {
    mutating func settleEncryption() throws(Fault) {
        guard var rule = child("ApplyServerSideEncryptionByDefault") else { return }
        let algorithm = rule.value("SSEAlgorithm") ?? ""
        guard ["AES256", "KMS", "SM4"].contains(algorithm) else { throw .invalidEncryptionAlgorithm(algorithm) }
        if rule.value("KMSMasterKeyID")?.isEmpty == true { rule.remove("KMSMasterKeyID") }
        if let key = rule.value("KMSMasterKeyID"), algorithm != "KMS" {
            throw .invalidArgument("KMSMasterKeyID", key, "KMSMasterKeyID is for the algorithm KMS only.")
        }
        if algorithm != "KMS" || rule.value("KMSDataEncryption")?.isEmpty == true { rule.remove("KMSDataEncryption") }
        set(rule)
    }
}

extension Fault {
    fileprivate static func invalidEncryptionAlgorithm(_ name: String) -> Fault {
        Fault(
            .badRequest, "InvalidEncryptionAlgorithmError",
            "The encryption request you specified is not valid. Supported value: AES256/KMS/SM4."
        ).detail("EncryptionAlgorithm", name)
    }
}

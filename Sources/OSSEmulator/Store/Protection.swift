/// What a bucket's configuration keeps from being deleted and overwritten.
struct Protection: Sendable {
    private static let day: Int64 = 24 * 3600 * 1000

    /// Days after its last change for which an object stays, by the bucket's retention policy.
    private var policyDays: Int64?
    /// Whether versions may have retentions of their own.
    private(set) var allowsRetention = false
    private var standard: (mode: ObjectRetention.Mode, days: Int64)?

    init(_ bucket: BucketRecord, now: EmulatorInstant) {
        if let worm = bucket.document("worm"), let days = worm.value("RetentionPeriodInDays").flatMap({ Int64($0) }) {
            switch worm.value("State") {
            case "Locked": policyDays = days
            case "InProgress":
                // A policy that nobody locked within a day never was.
                let created = worm.value("CreationDate").flatMap(EmulatorInstant.init(iso8601:))
                if created.map({ now < $0.adding(milliseconds: Self.day) }) ?? true { policyDays = days }
            default: break
            }
        }
        if let configuration = bucket.document("objectWorm"), configuration.value("ObjectWormEnabled") == "Enabled" {
            allowsRetention = true
            let rule = configuration.child("Rule")?.child("DefaultRetention")
            if let mode = rule?.value("Mode").flatMap(ObjectRetention.Mode.init(rawValue:)) {
                let days = rule?.value("Days").flatMap { Int64($0) }
                let years = rule?.value("Years").flatMap { Int32($0) }
                standard = (days ?? years.map { Int64($0) * 365 }).map { (mode, $0) }
            }
        }
    }

    /// The retention that a new version gets without asking.
    func standardRetention(from now: EmulatorInstant) -> ObjectRetention? {
        standard.map { ObjectRetention(mode: $0.mode, until: now.adding(days: $0.days)) }
    }

    /// Refuses what would take a version away.
    ///
    /// - Parameter bypasses: the caller insists against retentions that allow it.
    func check(_ version: ObjectVersion, at now: EmulatorInstant, bypasses: Bool = false) throws(Fault) {
        guard !version.isDeleteMarker else { return }
        if let policyDays, now < version.lastModified.adding(days: policyDays) { throw .fileImmutable(version.key) }
        if version.attributes.isOnLegalHold == true { throw .fileImmutable(version.key) }
        if let retention = version.attributes.retention, now < retention.until,
            retention.mode == .compliance || !bypasses
        {
            throw .fileImmutable(version.key)
        }
    }
}

extension EmulatorInstant {
    /// Later by so much; the end of time where that would be beyond it.
    func adding(milliseconds: Int64) -> EmulatorInstant {
        let (sum, overflows) = millisecondsSince1970.addingReportingOverflow(milliseconds)
        return EmulatorInstant(millisecondsSince1970: overflows ? .max : sum)
    }

    func adding(days: Int64) -> EmulatorInstant {
        let (milliseconds, overflows) = days.multipliedReportingOverflow(by: 24 * 3600 * 1000)
        return adding(milliseconds: overflows ? .max : milliseconds)
    }
}

extension Fault {
    static func fileImmutable(_ key: ObjectKey) -> Fault {
        Fault(.conflict, "FileImmutable", "The object you specified is immutable.", ec: "0026-00000005")
            .detail("Key", key.text)
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A point in time, in milliseconds since 1970 (UTC). The emulator's clock gives these, so that tests can turn it.
public struct EmulatorInstant: Sendable, Hashable, Comparable {
    /// Milliseconds since the first of January 1970, 00:00 UTC.
    public var millisecondsSince1970: Int64

    /// Creates an instant.
    public init(millisecondsSince1970: Int64) {
        self.millisecondsSince1970 = millisecondsSince1970
    }

    /// The time by the system's clock.
    public static var now: EmulatorInstant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return EmulatorInstant(millisecondsSince1970: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// Orders instants by time.
    public static func < (left: EmulatorInstant, right: EmulatorInstant) -> Bool {
        left.millisecondsSince1970 < right.millisecondsSince1970
    }

    init(secondsSince1970 seconds: Int64) {
        self.init(millisecondsSince1970: seconds * 1000)
    }

    /// Whole seconds, rounded down also before 1970.
    var seconds: Int64 {
        millisecondsSince1970 >= 0 ? millisecondsSince1970 / 1000 : (millisecondsSince1970 - 999) / 1000
    }
}

/// The fields of a date in the proleptic Gregorian calendar, UTC.
struct CivilTime: Equatable {
    var year: Int64
    var month: Int64
    var day: Int64
    var hour: Int64 = 0
    var minute: Int64 = 0
    var second: Int64 = 0

    // Both conversions count years from the first of March, so that the leap day is the year's last; 719468 days
    // lie between the first of March of year 0 and 1970.
    init(secondsSince1970 seconds: Int64) {
        let days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let rest = seconds - days * 86400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        hour = rest / 3600
        minute = rest % 3600 / 60
        second = rest % 60
    }

    init?(year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64) {
        guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day) else { return nil }
        guard (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second) else { return nil }
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    var secondsSince1970: Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86400 + hour * 3600 + minute * 60 + second
    }
}

extension EmulatorInstant {
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func padded(_ number: Int64, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
    }

    /// `Sat, 16 Dec 2023 16:20:57 GMT`.
    var httpDate: String {
        let seconds = self.seconds
        let days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let weekday = Self.weekdays[Int((days % 7 + 7) % 7)]
        let t = CivilTime(secondsSince1970: seconds)
        let date = "\(Self.padded(t.day)) \(Self.months[Int(t.month) - 1]) \(Self.padded(t.year, 4))"
        return "\(weekday), \(date) \(Self.padded(t.hour)):\(Self.padded(t.minute)):\(Self.padded(t.second)) GMT"
    }

    /// `2023-12-16T16:20:57.000Z`, the form of dates in XML.
    var iso8601: String {
        let t = CivilTime(secondsSince1970: seconds)
        let date = "\(Self.padded(t.year, 4))-\(Self.padded(t.month))-\(Self.padded(t.day))"
        return "\(date)T\(Self.padded(t.hour)):\(Self.padded(t.minute)):\(Self.padded(t.second)).000Z"
    }

    /// `20231216T162057Z`, the form of dates in signatures.
    var basicISO8601: String {
        let t = CivilTime(secondsSince1970: seconds)
        let date = Self.padded(t.year, 4) + Self.padded(t.month) + Self.padded(t.day)
        return "\(date)T\(Self.padded(t.hour))\(Self.padded(t.minute))\(Self.padded(t.second))Z"
    }

    private static func number(_ text: some StringProtocol, width: Int) -> Int64? {
        guard text.utf8.count == width, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int64(text)
    }

    init?(httpDate text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 6, parts[0].utf8.count == 4, parts[0].hasSuffix(","), parts[5] == "GMT" else { return nil }
        guard let month = Self.months.firstIndex(of: String(parts[2])) else { return nil }
        let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false)
        guard clock.count == 3,
            let day = Int64(parts[1]), let year = Self.number(parts[3], width: 4),
            let hour = Self.number(clock[0], width: 2), let minute = Self.number(clock[1], width: 2),
            let second = Self.number(clock[2], width: 2),
            let time = CivilTime(
                year: year, month: Int64(month) + 1, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        self.init(secondsSince1970: time.secondsSince1970)
    }

    init?(basicISO8601 text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
        func field(_ range: Range<Int>) -> Int64? {
            Self.number(String(decoding: bytes[range], as: UTF8.self), width: range.count)
        }
        guard let year = field(0..<4), let month = field(4..<6), let day = field(6..<8),
            let hour = field(9..<11), let minute = field(11..<13), let second = field(13..<15),
            let time = CivilTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        self.init(secondsSince1970: time.secondsSince1970)
    }

    /// `2023-12-16T16:20:57Z`, with or without fractions of a second.
    init?(iso8601 text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z") else { return nil }
        let marks: [(Int, Unicode.Scalar)] = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")]
        guard marks.allSatisfy({ bytes[$0.0] == UInt8(ascii: $0.1) }) else { return nil }
        let fraction = bytes[19..<bytes.count - 1]
        if let first = fraction.first {
            guard first == UInt8(ascii: "."), (2...10).contains(fraction.count),
                fraction.dropFirst().allSatisfy({ (48...57).contains($0) })
            else { return nil }
        }
        let text = String(
            decoding: bytes[..<19].filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ":") }, as: UTF8.self)
        guard let whole = EmulatorInstant(basicISO8601: text + "Z") else { return nil }
        let digits = String(decoding: fraction.dropFirst().prefix(3), as: UTF8.self)
        let padded = digits + String(repeating: "0", count: 3 - digits.utf8.count)
        self.init(millisecondsSince1970: whole.millisecondsSince1970 + (Int64(padded) ?? 0))
    }
}

#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// Reads and writes the timestamps of the service, without formatters: they are slow, and depend on more than is needed.
///
/// All are in UTC and the proleptic Gregorian calendar. What can't be written with four digits of year (before 0001
/// or after 9999) is written as the nearest that can. What is malformed reads as nil.
package enum Timestamps {
    /// The longest text that `write` functions produce, and then some.
    static let maximumLength = 40

    /// `date` as text.
    package static func string(_ date: Date, _ format: TimestampFormat) -> String {
        string { write(date, format, to: $0) }
    }

    /// `20231216T162057Z`, as signatures have it.
    package static func basicString(_ date: Date) -> String {
        string { CivilTime(date).writeBasic(to: $0) }
    }

    /// The point in time that `text` stands for.
    ///
    /// - `dateTime` and `dateTimeMidnight`: ISO 8601 `yyyy-MM-ddTHH:mm:ss`, with any number of fraction digits or
    ///   none, and `Z` or an offset (`+08:00`, `+0800`).
    /// - `httpDate`: RFC 1123. The name of the day must be one, but need not be the right one.
    /// - `epochSeconds`: digits, maybe with a minus before and a fraction behind.
    package static func date(_ text: String, _ format: TimestampFormat) -> Date? {
        var text = text
        // Read inside the closure only.
        return text.withUTF8 { date($0, format) }
    }

    /// The point in time that `20231216T162057Z` stands for.
    package static func date(basic text: String) -> Date? {
        var text = text
        // As above.
        return text.withUTF8 { bytes in
            var scanner = TimestampScanner(bytes)
            return scanner.basic()
        }
    }

    static func date(_ text: UnsafeBufferPointer<UInt8>, _ format: TimestampFormat) -> Date? {
        var scanner = TimestampScanner(text)
        return switch format {
        case .dateTime, .dateTimeMidnight: scanner.dateTime()
        case .httpDate: scanner.httpDate()
        case .epochSeconds: scanner.epochSeconds()
        }
    }

    /// Writes `date` to `buffer`, which has room for `maximumLength` bytes; gives the length.
    static func write(_ date: Date, _ format: TimestampFormat, to buffer: UnsafeMutablePointer<UInt8>) -> Int {
        switch format {
        case .dateTime: CivilTime(date).writeDateTime(to: buffer)
        case .httpDate: CivilTime(date).writeHTTPDate(to: buffer)
        case .epochSeconds: Decimal.write(CivilTime.secondsAndMicroseconds(date).seconds, to: buffer)
        case .dateTimeMidnight: CivilTime(date).writeMidnight(to: buffer)
        }
    }

    private static func string(_ write: (UnsafeMutablePointer<UInt8>) -> Int) -> String {
        String(unsafeUninitializedCapacity: maximumLength) { buffer in
            // The buffer has at least the capacity that was asked for, so it has an address.
            buffer.baseAddress.map(write) ?? 0
        }
    }
}

// MARK: - Calendar

/// A point in time, taken apart.
struct CivilTime {
    var year: Int
    var month: Int
    var day: Int
    var hour: Int
    var minute: Int
    var second: Int
    var microsecond: Int
    /// 0 is Sunday.
    var weekday: Int

    /// Years 0001 to 9999, in seconds from 1970.
    static let range = -62_135_596_800...253_402_300_799

    init(_ date: Date) {
        let (seconds, microseconds) = CivilTime.secondsAndMicroseconds(date)
        self.init(secondsSince1970: seconds, microsecond: microseconds)
    }

    init(secondsSince1970 seconds: Int, microsecond: Int = 0) {
        // All unsigned from the year 0000 on, so that divisions round down. Days from 0000-03-01: the leap day is last.
        let sinceZero = UInt64(seconds &+ 62_167_219_200 &- 60 &* 86_400)
        let days = UInt32(sinceZero / 86_400)
        let secondOfDay = UInt32(sinceZero % 86_400)
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra &- dayOfEra / 1460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
        let shiftedMonth = (5 &* dayOfYear &+ 2) / 153
        day = Int(dayOfYear &- (153 &* shiftedMonth &+ 2) / 5 &+ 1)
        month = Int(shiftedMonth < 10 ? shiftedMonth &+ 3 : shiftedMonth &- 9)
        year = Int(yearOfEra &+ era &* 400) &+ (month <= 2 ? 1 : 0)
        hour = Int(secondOfDay / 3600)
        minute = Int(secondOfDay / 60 % 60)
        second = Int(secondOfDay % 60)
        // 0000-03-01 was a Wednesday.
        weekday = Int((days &+ 3) % 7)
        self.microsecond = microsecond
    }

    /// To the nearest microsecond, within `range`.
    static func secondsAndMicroseconds(_ date: Date) -> (seconds: Int, microseconds: Int) {
        let interval = date.timeIntervalSince1970
        guard interval >= Double(range.lowerBound) else {
            return (interval.isNaN ? 0 : range.lowerBound, 0)
        }
        guard interval < Double(range.upperBound) + 1 else { return (range.upperBound, 999_999) }
        var seconds = interval.rounded(.down)
        var microseconds = ((interval - seconds) * 1_000_000).rounded()
        if microseconds >= 1_000_000 {
            microseconds = 0
            seconds += 1
        }
        return (min(Int(seconds), range.upperBound), Int(microseconds))
    }

    /// Seconds since 1970 of a valid date and time.
    static func secondsSince1970(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int)
        -> Int
    {
        let shiftedYear = month <= 2 ? year &- 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear &- 399) / 400
        let yearOfEra = shiftedYear &- era &* 400
        let dayOfYear = (153 &* (month > 2 ? month &- 3 : month &+ 9) &+ 2) / 5 &+ day &- 1
        let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
        let days = era &* 146_097 &+ dayOfEra &- 719_468
        return days &* 86_400 &+ hour &* 3600 &+ minute &* 60 &+ second
    }

    static func days(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

// MARK: - Writing

extension CivilTime {
    static let weekdayNames: StaticString = "SunMonTueWedThuFriSat"
    static let monthNames: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    // `p` has room for Timestamps.maximumLength bytes in all functions below.

    private func writeDate(to p: UnsafeMutablePointer<UInt8>) {
        Decimal.write(digits: 4, year, to: p)
        p[4] = .hyphen
        Decimal.write(digits: 2, month, to: p + 5)
        p[7] = .hyphen
        Decimal.write(digits: 2, day, to: p + 8)
    }

    private func writeTime(to p: UnsafeMutablePointer<UInt8>) {
        Decimal.write(digits: 2, hour, to: p)
        p[2] = .colon
        Decimal.write(digits: 2, minute, to: p + 3)
        p[5] = .colon
        Decimal.write(digits: 2, second, to: p + 6)
    }

    func writeDateTime(to p: UnsafeMutablePointer<UInt8>) -> Int {
        writeDate(to: p)
        p[10] = UInt8(ascii: "T")
        writeTime(to: p + 11)
        var count = 19
        if microsecond != 0 {
            p[19] = UInt8(ascii: ".")
            Decimal.write(digits: 6, microsecond, to: p + 20)
            count = 26
        }
        p[count] = UInt8(ascii: "Z")
        return count + 1
    }

    func writeMidnight(to p: UnsafeMutablePointer<UInt8>) -> Int {
        writeDate(to: p)
        let rest: StaticString = "T00:00:00.000Z"
        (p + 10).update(from: rest.utf8Start, count: 14)
        return 24
    }

    func writeBasicDate(to p: UnsafeMutablePointer<UInt8>) {
        Decimal.write(digits: 4, year, to: p)
        Decimal.write(digits: 2, month, to: p + 4)
        Decimal.write(digits: 2, day, to: p + 6)
    }

    func writeBasic(to p: UnsafeMutablePointer<UInt8>) -> Int {
        writeBasicDate(to: p)
        p[8] = UInt8(ascii: "T")
        Decimal.write(digits: 2, hour, to: p + 9)
        Decimal.write(digits: 2, minute, to: p + 11)
        Decimal.write(digits: 2, second, to: p + 13)
        p[15] = UInt8(ascii: "Z")
        return 16
    }

    func writeHTTPDate(to p: UnsafeMutablePointer<UInt8>) -> Int {
        // Weekdays are 0...6 and months 1...12: inside the names.
        p.update(from: CivilTime.weekdayNames.utf8Start + 3 * weekday, count: 3)
        p[3] = UInt8(ascii: ",")
        p[4] = 0x20
        Decimal.write(digits: 2, day, to: p + 5)
        p[7] = 0x20
        (p + 8).update(from: CivilTime.monthNames.utf8Start + 3 * (month - 1), count: 3)
        p[11] = 0x20
        Decimal.write(digits: 4, year, to: p + 12)
        p[16] = 0x20
        writeTime(to: p + 17)
        let zone: StaticString = " GMT"
        (p + 25).update(from: zone.utf8Start, count: 4)
        return 29
    }
}

/// Decimal digits into memory.
enum Decimal {
    /// `value`, which is not negative, with leading zeros; its higher digits are cut off.
    @inline(__always)
    static func write(digits: Int, _ value: Int, to p: UnsafeMutablePointer<UInt8>) {
        // The caller has room for `digits` bytes.
        var rest = UInt32(truncatingIfNeeded: value)
        var i = digits
        while i > 0 {
            i &-= 1
            p[i] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// Any integer, at most 20 bytes; gives the length.
    static func write(_ value: some FixedWidthInteger, to p: UnsafeMutablePointer<UInt8>) -> Int {
        // The caller has room for 20 bytes: 19 digits of 2^63 and a sign.
        var rest = UInt64(value.magnitude)
        var digits = 1
        var power: UInt64 = 10
        while rest >= power, digits < 20 {
            digits &+= 1
            let (next, overflow) = power.multipliedReportingOverflow(by: 10)
            if overflow { break }
            power = next
        }
        var count = digits
        if value < 0 {
            p[0] = .hyphen
            count &+= 1
        }
        var i = count
        for _ in 0..<digits {
            i &-= 1
            p[i] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return count
    }
}

// MARK: - Reading

private struct TimestampScanner {
    // Used while the buffer that it was made of is valid: the scanner stays inside one closure.
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    private var isAtEnd: Bool { position == bytes.count }
    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        position += 1
        return true
    }

    private mutating func digits(_ count: Int, _ range: ClosedRange<Int>) -> Int? {
        guard position + count <= bytes.count else { return nil }
        var value = 0
        for _ in 0..<count {
            let byte = bytes[position]
            guard byte.isDigit else { return nil }
            value = value * 10 + Int(byte & 0x0F)
            position += 1
        }
        return range.contains(value) ? value : nil
    }

    /// The index of the next three letters in names of three letters each.
    private mutating func name(of names: StaticString) -> Int? {
        guard position + 3 <= bytes.count, let start = bytes.baseAddress else { return nil }
        // Three bytes are there on both sides.
        for index in 0..<(names.utf8CodeUnitCount / 3)
        where XMLName.areEqual(start + position, names.utf8Start + 3 * index, 3) {
            position += 3
            return index
        }
        return nil
    }

    /// Seconds may be 60 at a leap second; the next minute is meant then.
    private mutating func time(separator: UInt8?) -> (Int, Int, Int)? {
        guard let hour = digits(2, 0...23) else { return nil }
        if let separator, !take(separator) { return nil }
        guard let minute = digits(2, 0...59) else { return nil }
        if let separator, !take(separator) { return nil }
        guard let second = digits(2, 0...60) else { return nil }
        return (hour, minute, second)
    }

    /// ".123": as a part of a second.
    private mutating func fraction() -> Double? {
        guard take(UInt8(ascii: ".")) else { return 0 }
        var value: Int64 = 0
        var scale: Double = 1
        let start = position
        while let byte = current, byte.isDigit {
            // A Date can't tell more than these.
            if position - start < 15 {
                value = value * 10 + Int64(byte & 0x0F)
                scale *= 10
            }
            position += 1
        }
        return position > start ? Double(value) / scale : nil
    }

    /// "Z", "+08:00", "+0800" or "+08": seconds east of UTC.
    private mutating func zone() -> Int? {
        if take(UInt8(ascii: "Z")) || take(UInt8(ascii: "z")) { return 0 }
        let sign: Int
        if take(UInt8(ascii: "+")) {
            sign = 1
        } else if take(.hyphen) {
            sign = -1
        } else {
            return nil
        }
        guard let hours = digits(2, 0...23) else { return nil }
        if isAtEnd { return sign * hours * 3600 }
        _ = take(.colon)
        guard let minutes = digits(2, 0...59) else { return nil }
        return sign * (hours * 3600 + minutes * 60)
    }

    private func date(_ seconds: Int, _ fraction: Double = 0) -> Date? {
        // Added to 2001 rather than 1970: that is what a Date holds, and one rounding less.
        isAtEnd ? Date(timeIntervalSinceReferenceDate: Double(seconds - 978_307_200) + fraction) : nil
    }

    mutating func dateTime() -> Date? {
        guard let year = digits(4, 1...9999), take(.hyphen), let month = digits(2, 1...12), take(.hyphen),
            let day = digits(2, 1...CivilTime.days(inMonth: month, of: year)),
            take(UInt8(ascii: "T")) || take(UInt8(ascii: "t")) || take(0x20),
            let (hour, minute, second) = time(separator: .colon), let fraction = fraction(), let zone = zone()
        else { return nil }
        return date(CivilTime.secondsSince1970(year, month, day, hour, minute, second) - zone, fraction)
    }

    mutating func basic() -> Date? {
        guard let year = digits(4, 1...9999), let month = digits(2, 1...12),
            let day = digits(2, 1...CivilTime.days(inMonth: month, of: year)), take(UInt8(ascii: "T")),
            let (hour, minute, second) = time(separator: nil), take(UInt8(ascii: "Z"))
        else { return nil }
        return date(CivilTime.secondsSince1970(year, month, day, hour, minute, second))
    }

    mutating func httpDate() -> Date? {
        guard name(of: CivilTime.weekdayNames) != nil, take(UInt8(ascii: ",")), take(0x20),
            // Some senders leave out the leading zero.
            let day = digits(2, 1...31) ?? oneDigitDay(), take(0x20),
            let month = name(of: CivilTime.monthNames).map({ $0 + 1 }), take(0x20),
            let year = digits(4, 1...9999), day <= CivilTime.days(inMonth: month, of: year), take(0x20),
            let (hour, minute, second) = time(separator: .colon), take(0x20),
            takeGreenwich()
        else { return nil }
        return date(CivilTime.secondsSince1970(year, month, day, hour, minute, second))
    }

    private mutating func oneDigitDay() -> Int? {
        // `digits(2, …)` took the first digit before it saw the space.
        position = 5
        return digits(1, 1...9)
    }

    private mutating func takeGreenwich() -> Bool {
        let isGMT = take(UInt8(ascii: "G")) && take(UInt8(ascii: "M")) && take(UInt8(ascii: "T"))
        return isGMT || take(UInt8(ascii: "U")) && take(UInt8(ascii: "T")) && take(UInt8(ascii: "C"))
    }

    mutating func epochSeconds() -> Date? {
        let isNegative = take(.hyphen)
        let start = position
        var seconds = 0
        while let byte = current, byte.isDigit, position - start < 13 {
            seconds = seconds * 10 + Int(byte & 0x0F)
            position += 1
        }
        guard position > start, let fraction = fraction() else { return nil }
        return isNegative ? date(-seconds, -fraction) : date(seconds, fraction)
    }
}

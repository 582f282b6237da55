import OSSRuntime
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct TimestampTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var seconds: Double
        var dateTime: String
        var httpDate: String
        var basic: String
        var testDescription: String { dateTime }
    }

    static let rows: [Row] = [
        Row(
            seconds: 0, dateTime: "1970-01-01T00:00:00Z", httpDate: "Thu, 01 Jan 1970 00:00:00 GMT",
            basic: "19700101T000000Z"),
        Row(
            seconds: 951_782_400, dateTime: "2000-02-29T00:00:00Z", httpDate: "Tue, 29 Feb 2000 00:00:00 GMT",
            basic: "20000229T000000Z"),
        Row(
            seconds: 951_868_799, dateTime: "2000-02-29T23:59:59Z", httpDate: "Tue, 29 Feb 2000 23:59:59 GMT",
            basic: "20000229T235959Z"),
        Row(
            seconds: 951_868_800, dateTime: "2000-03-01T00:00:00Z", httpDate: "Wed, 01 Mar 2000 00:00:00 GMT",
            basic: "20000301T000000Z"),
        Row(
            seconds: 1_702_743_657, dateTime: "2023-12-16T16:20:57Z", httpDate: "Sat, 16 Dec 2023 16:20:57 GMT",
            basic: "20231216T162057Z"),
        Row(
            seconds: 1_709_210_096, dateTime: "2024-02-29T12:34:56Z", httpDate: "Thu, 29 Feb 2024 12:34:56 GMT",
            basic: "20240229T123456Z"),
        Row(
            seconds: 4_107_542_400, dateTime: "2100-03-01T00:00:00Z", httpDate: "Mon, 01 Mar 2100 00:00:00 GMT",
            basic: "21000301T000000Z"),
        Row(
            seconds: 253_402_300_799, dateTime: "9999-12-31T23:59:59Z", httpDate: "Fri, 31 Dec 9999 23:59:59 GMT",
            basic: "99991231T235959Z"),
        Row(
            seconds: -1, dateTime: "1969-12-31T23:59:59Z", httpDate: "Wed, 31 Dec 1969 23:59:59 GMT",
            basic: "19691231T235959Z"),
        Row(
            seconds: -62_135_596_800, dateTime: "0001-01-01T00:00:00Z", httpDate: "Mon, 01 Jan 0001 00:00:00 GMT",
            basic: "00010101T000000Z"),
    ]

    @Test(arguments: rows)
    func wholeSeconds(row: Row) {
        let date = Date(timeIntervalSince1970: row.seconds)
        #expect(Timestamps.string(date, .dateTime) == row.dateTime)
        #expect(Timestamps.string(date, .httpDate) == row.httpDate)
        #expect(Timestamps.basicString(date) == row.basic)
        #expect(Timestamps.string(date, .epochSeconds) == "\(Int(row.seconds))")
        #expect(Timestamps.string(date, .dateTimeMidnight) == row.dateTime.prefix(10) + "T00:00:00.000Z")
        #expect(Timestamps.date(row.dateTime, .dateTime) == date)
        #expect(Timestamps.date(row.httpDate, .httpDate) == date)
        #expect(Timestamps.date(basic: row.basic) == date)
        #expect(Timestamps.date("\(Int(row.seconds))", .epochSeconds) == date)
    }

    @Test func everyDayFrom1970To9999() {
        // Walked with the calendar's rules, next to the arithmetic under test.
        var (year, month, day, weekday) = (1970, 1, 1, 4)
        let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        var days = 0
        while year < 10_000 {
            // All of the first 150 years, then a day in 13.
            if year < 2120 || days % 13 == 0 {
                let date = Date(timeIntervalSince1970: Double(days * 86_400 + days % 86_400))
                let text = Timestamps.string(date, .httpDate)
                let iso = Timestamps.string(date, .dateTime)
                guard text.hasPrefix("\(names[weekday]), \(two(day)) \(months[month - 1]) \(year) "),
                    iso.hasPrefix("\(year)-\(two(month))-\(two(day))T"),
                    Timestamps.date(text, .httpDate) == date, Timestamps.date(iso, .dateTime) == date
                else {
                    Issue.record("\(year)-\(month)-\(day): \(text), \(iso)")
                    return
                }
            }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let length = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
            (day, weekday, days) = (day + 1, (weekday + 1) % 7, days + 1)
            if day > length { (day, month) = (1, month + 1) }
            if month > 12 { (month, year) = (1, year + 1) }
        }
    }

    @Test(arguments: [
        ("2023-12-16T16:20:57.000Z", 1_702_743_657.0), ("2023-12-16T16:20:57.5Z", 1_702_743_657.5),
        ("2023-12-16T16:20:57.123456Z", 1_702_743_657.123456),
        ("2023-12-16T16:20:57.123456789Z", 1_702_743_657.123456789),
        ("2023-12-16T16:20:57.12345678901234567890Z", 1_702_743_657.123456789),
        ("2023-12-17T00:20:57+08:00", 1_702_743_657), ("2023-12-17T00:20:57+0800", 1_702_743_657),
        ("2023-12-17T00:20:57+08", 1_702_743_657), ("2023-12-16T10:50:57-05:30", 1_702_743_657),
        ("2023-12-16t16:20:57z", 1_702_743_657), ("2023-12-16 16:20:57Z", 1_702_743_657),
        ("2016-12-31T23:59:60Z", 1_483_228_800),
    ])
    func dateTimeVariants(text: String, seconds: Double) {
        let date = Timestamps.date(text, .dateTime)
        #expect(abs((date?.timeIntervalSince1970 ?? 0) - seconds) < 0.000_000_5)
        #expect(Timestamps.date(text, .dateTimeMidnight) == date)
    }

    @Test(arguments: [
        (0.5, "1970-01-01T00:00:00.500000Z"), (1_702_743_657.123456, "2023-12-16T16:20:57.123456Z"),
        (1_702_743_657.999_999_9, "2023-12-16T16:20:58Z"), (-0.25, "1969-12-31T23:59:59.750000Z"),
        (1_702_743_657.000_000_1, "2023-12-16T16:20:57Z"), (253_402_300_799.999_999, "9999-12-31T23:59:59Z"),
    ])
    func fractions(seconds: Double, text: String) {
        let written = Timestamps.string(Date(timeIntervalSince1970: seconds), .dateTime)
        // The last second of 9999 can't be rounded up: it is cut off, or kept if the Date can tell it from the next.
        #expect(written == text || (seconds > 253_402_300_799 && written.hasPrefix("9999-12-31T23:59:59")))
    }

    @Test(
        arguments: [
            (.infinity, "9999-12-31T23:59:59.999999Z"), (-.infinity, "0001-01-01T00:00:00Z"),
            (.nan, "1970-01-01T00:00:00Z"),
            (1e300, "9999-12-31T23:59:59.999999Z"), (-1e300, "0001-01-01T00:00:00Z"),
        ] as [(Double, String)])
    func outOfRange(seconds: Double, text: String) {
        let date = Date(timeIntervalSince1970: seconds)
        #expect(Timestamps.string(date, .dateTime) == text)
        #expect(Timestamps.string(date, .httpDate).hasSuffix("GMT"))
        #expect(!Timestamps.string(date, .epochSeconds).isEmpty)
        #expect(Timestamps.basicString(date).count == 16)
    }

    @Test(arguments: [
        "", "2023", "2023-12-16", "2023-12-16T16:20:57", "2023-12-16T16:20Z", "2023-13-16T16:20:57Z",
        "2023-00-16T16:20:57Z", "2023-12-00T16:20:57Z", "2023-12-32T16:20:57Z", "2023-02-29T16:20:57Z",
        "2100-02-29T00:00:00Z", "2023-04-31T16:20:57Z", "2023-12-16T24:00:00Z", "2023-12-16T16:60:57Z",
        "2023-12-16T16:20:61Z", "2023-12-16T16:20:57.Z", "2023-12-16T16:20:57,5Z", "2023-12-16T16:20:57ZZ",
        "2023-12-16T16:20:57Z ", " 2023-12-16T16:20:57Z", "2023-12-16T16:20:57+8", "2023-12-16T16:20:57+24:00",
        "2023-12-16T16:20:57+08:60", "2023-12-16T16:20:57+08:0", "23-12-16T16:20:57Z", "0000-01-01T00:00:00Z",
        "２０２３-12-16T16:20:57Z", "2023-12-16T-1:20:57Z", "2023/12/16T16:20:57Z", "12023-12-16T16:20:57Z",
    ])
    func malformedDateTime(text: String) {
        #expect(Timestamps.date(text, .dateTime) == nil)
    }

    @Test(arguments: [
        "", "Sat, 16 Dec 2023 16:20:57", "Sat, 16 Dec 2023 16:20:57 CET", "Sat, 16 Dez 2023 16:20:57 GMT",
        "Xyz, 16 Dec 2023 16:20:57 GMT", "16 Dec 2023 16:20:57 GMT", "Sat, 31 Nov 2023 16:20:57 GMT",
        "Sat, 00 Dec 2023 16:20:57 GMT", "Sat, 0 Dec 2023 16:20:57 GMT", "Sat, 16 Dec 23 16:20:57 GMT",
        "Sat, 16 Dec 2023 24:20:57 GMT", "Sat, 16 Dec 2023 16:20:57 GMT ", "Sat,16 Dec 2023 16:20:57 GMT",
        "Sat, 16-Dec-2023 16:20:57 GMT", "Sat", "Sat, ", "Sat, 1", "Sat, x Dec 2023 16:20:57 GMT", "GMT",
    ])
    func malformedHTTPDate(text: String) {
        #expect(Timestamps.date(text, .httpDate) == nil)
    }

    @Test func lenientHTTPDates() {
        let date = Date(timeIntervalSince1970: 1_701_447_657)
        #expect(Timestamps.date("Fri, 1 Dec 2023 16:20:57 GMT", .httpDate) == date)
        #expect(Timestamps.date("Mon, 01 Dec 2023 16:20:57 UTC", .httpDate) == date)
    }

    @Test(arguments: ["", "-", "x", "1x", "1.", ".5", "1e9", "99999999999999", "+1", " 1"])
    func malformedEpochSeconds(text: String) {
        #expect(Timestamps.date(text, .epochSeconds) == nil)
    }

    @Test func epochSecondsWithFraction() {
        #expect(Timestamps.date("1702743657.25", .epochSeconds) == Date(timeIntervalSince1970: 1_702_743_657.25))
        #expect(Timestamps.date("-1.5", .epochSeconds) == Date(timeIntervalSince1970: -1.5))
    }

    @Test(arguments: [
        "", "20231216", "20231216T162057", "20231216T162057ZZ", "20230229T000000Z", "2023-12-16T16:20:57Z",
    ])
    func malformedBasic(text: String) {
        #expect(Timestamps.date(basic: text) == nil)
    }

    @Test func roundTripsToTheMicrosecond() {
        for _ in 0..<5000 {
            let microseconds = Int64.random(in: 0...4_102_444_800_000_000)
            let date = Date(timeIntervalSince1970: Double(microseconds) / 1_000_000)
            let text = Timestamps.string(date, .dateTime)
            let back = Timestamps.date(text, .dateTime)
            #expect(abs((back ?? .distantPast).timeIntervalSince(date)) < 0.000_001)
            #expect(back.map { Timestamps.string($0, .dateTime) } == text)
        }
    }
}

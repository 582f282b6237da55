/// How a point in time is written on the wire.
package enum TimestampFormat: Sendable, Hashable, CaseIterable {
    /// `2023-12-16T16:20:57Z`, with microseconds when there are any.
    case dateTime
    /// `Sat, 16 Dec 2023 16:20:57 GMT`.
    case httpDate
    /// `1702743657`.
    case epochSeconds
    /// `2023-12-16T00:00:00.000Z`: the day only.
    case dateTimeMidnight
}

/// Which keys of an NDJSON line say its time and its sample rate, and where their values begin.
///
/// Which of several is meant is known only at the line's end, so values are noted here; those that
/// were not meant become fields after all.
struct LineRoles {
    struct Value {
        let role: KeyRole
        let node: Int32
        let place: Cursor
    }

    /// Names of the time, the preferred one first, at most four.
    private(set) var timeNames = LineRoles.usualTimeNames
    private static let usualTimeNames = ["time", "timestamp", "@timestamp", "_time"]
    private static let rateNames = ["samplerate", "SampleRate"]
    private static let timeRoles: [KeyRole] = [.time0, .time1, .time2, .time3]
    private static let rateRoles: [KeyRole] = [.rate0, .rate1]

    /// In the order of the line.
    private(set) var values: [Value] = []

    /// Chooses where the time stands: in the one field named, or in one of the usual ones.
    ///
    /// Returns whether that differs from before, so that what is known of keys has to be forgotten.
    mutating func setTimeField(_ name: String?) -> Bool {
        let wanted = name.map { [$0] } ?? LineRoles.usualTimeNames
        defer { timeNames = wanted }
        return wanted != timeNames
    }

    func role(of name: UnsafeBufferPointer<UInt8>) -> KeyRole {
        if let index = timeNames.firstIndex(where: { $0.utf8.elementsEqual(name) }) {
            return LineRoles.timeRoles[index]
        }
        if let index = LineRoles.rateNames.firstIndex(where: { $0.utf8.elementsEqual(name) }) {
            return LineRoles.rateRoles[index]
        }
        return .field
    }

    mutating func beginLine() { values.removeAll(keepingCapacity: true) }

    /// Notes a value; of a repeated key the last one counts.
    mutating func note(_ role: KeyRole, _ node: Int32, _ place: Cursor) {
        // Fast path: the first of its role; `removeAll` makes another array even where it removes nothing.
        if values.contains(where: { $0.role == role }) { values.removeAll { $0.role == role } }
        values.append(Value(role: role, node: node, place: place))
    }
}

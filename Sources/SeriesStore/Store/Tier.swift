/// How finely samples are kept: as they were written, or as cells of a step that stand for them.
public enum Tier: Int, CaseIterable, Hashable, Sendable {
    /// As written; a derived series has a sample every ten seconds.
    case written
    case minute
    case hour

    /// What it is called, and its directory.
    public var name: String {
        switch self {
        case .written: "10s"
        case .minute: "1m"
        case .hour: "1h"
        }
    }

    /// Milliseconds of a cell; 0 where samples are as they were written.
    public var step: Int64 {
        switch self {
        case .written: 0
        case .minute: 60_000
        case .hour: 3_600_000
        }
    }

    /// Milliseconds of a block: 720 cells, and as many samples of ten seconds.
    public var blockLength: Int64 {
        switch self {
        case .written: 7_200_000
        case .minute: 720 * 60_000
        case .hour: 720 * 3_600_000
        }
    }

    /// The tier that is made of this one.
    var coarser: Tier? { Tier(rawValue: rawValue + 1) }

    /// The start of the block that holds a time.
    public func blockStart(of time: Int64) -> Int64 { Tier.start(of: time, blockLength) }

    /// The start of the stretch that holds a time, when stretches have one length; the first one of all
    /// time is shorter.
    static func start(of time: Int64, _ length: Int64) -> Int64 {
        let into = time % length
        let start = time.subtractingReportingOverflow(into < 0 ? into + length : into)
        return start.overflow ? .min : start.partialValue
    }

    /// The end of the block that begins at `start`.
    func blockEnd(of start: Int64) -> Int64 {
        let end = (start == .min ? blockStart(of: start + blockLength) : start)
            .addingReportingOverflow(start == .min ? 0 : blockLength)
        return end.overflow ? .max : end.partialValue
    }
}

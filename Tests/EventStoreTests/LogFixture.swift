import Bytes
import Host
import TestSupport

@testable import EventStore

/// A log in the directory `log` of a simulated disk, written and read without the rest of the store.
struct LogFixture {
    let disk: SimulatedDisk
    let machine: Machine
    var limits = StoreLimits()

    init(seed: UInt64 = 1, capacity: Int = .max, fileBytes: Int = 4_096) throws {
        disk = SimulatedDisk(seed: seed, capacity: capacity)
        machine = Machine(
            files: disk, clock: SimulatedClock(), random: SimulatedRandomness(seed: seed))
        limits.logFileBytes = fileBytes
        limits.reserveBytes = 0
        try disk.createDirectory("log")
        try disk.synchronizeDirectory("")
    }

    /// What the log holds: sequences with payloads, and what was wrong.
    struct Contents {
        var records: [UInt64: [UInt8]] = [:]
        var recovery: LogRecovery

        var damage: [Finding] { recovery.damage }
    }

    func read() throws -> Contents {
        var recovery = LogRecovery(disk, directory: "log")
        var records: [UInt64: [UInt8]] = [:]
        try recovery.read { record throws(EventStoreError) in
            precondition(records[record.sequence] == nil, "BUG: a record is read twice")
            records[record.sequence] = Array(record.payload)
        }
        return Contents(records: records, recovery: recovery)
    }

    func open() throws -> WriteAheadLog {
        let recovery = try read().recovery
        let log = WriteAheadLog(
            machine, directory: "log", limits: limits, recovered: recovery, minimumSequence: 1)
        try log.copyTail()
        return log
    }

    /// Text of `length` bytes that differs from number to number.
    static func payload(_ number: Int, length: Int = 60) -> LogPayload {
        let text = Array("record \(number) ".utf8)
        return LogPayload((0..<length).map { text[$0 % text.count] })
    }

    /// Writes groups of the given sizes and syncs after each.
    @discardableResult
    static func write(_ log: WriteAheadLog, groups: [Int]) throws -> [UInt64: [UInt8]] {
        var written: [UInt64: [UInt8]] = [:]
        for size in groups {
            let next = Int(log.nextSequence)
            let payloads = (next..<next + size).map { payload($0, length: 40 + $0 % 30) }
            let first = try log.write(payloads)
            try log.synchronize()
            for (index, payload) in payloads.enumerated() {
                written[first + UInt64(index)] = payload.bytes
            }
        }
        return written
    }
}

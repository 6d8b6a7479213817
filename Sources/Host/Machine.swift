import Glibc

/// The machine as the store sees it: its files, its clock, its randomness.
///
/// Tests put a simulated machine in its place.
public struct Machine: Sendable {
    public let files: any FileSystem
    public let clock: any HostClock
    public let random: any RandomSource

    public init(files: any FileSystem, clock: any HostClock, random: any RandomSource) {
        self.files = files
        self.clock = clock
        self.random = random
    }

    /// The machine this process runs on.
    public static let real = Machine(
        files: PosixFileSystem(), clock: SystemClock(), random: SystemRandomness())
}

/// Two clocks: one that people read and one that never runs backwards.
public protocol HostClock: Sendable {
    /// Nanoseconds since 1970-01-01T00:00:00Z; may jump in either direction.
    func wallNanoseconds() -> Int64

    /// Nanoseconds since an arbitrary moment; never runs backwards.
    func monotonicNanoseconds() -> Int64
}

/// Numbers nobody can foretell.
public protocol RandomSource: Sendable {
    func nextUInt64() -> UInt64
}

/// The system's clocks.
public struct SystemClock: HostClock {
    public init() {}

    public func wallNanoseconds() -> Int64 { now(CLOCK_REALTIME) }

    public func monotonicNanoseconds() -> Int64 { now(CLOCK_MONOTONIC) }

    private func now(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// The system's generator of random numbers.
public struct SystemRandomness: RandomSource {
    public init() {}

    public func nextUInt64() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}

/// What this process takes of the machine's memory.
public enum ProcessMemory {
    /// Bytes of main memory this process holds now; nil where the system does not tell.
    public static func residentBytes() -> Int? {
        let path = "/proc/self/statm"
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let fields = buffer[..<count].split(separator: UInt8(ascii: " "))
        guard fields.count > 1, let text = String(validating: fields[1], as: UTF8.self),
            let pages = Int(text)
        else { return nil }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Bytes of main memory there are for this process: the machine's, or its control group's when
    /// that has a limit.
    public static func availableBytes() -> Int {
        let pages = max(1, Int(sysconf(Int32(_SC_PHYS_PAGES))))
        let physical = pages * max(1, Int(sysconf(Int32(_SC_PAGESIZE))))
        return min(physical, controlGroupLimit() ?? physical)
    }

    /// What version 2 of control groups allows a container, which sees its own as the root; nil
    /// without a limit.
    private static func controlGroupLimit() -> Int? {
        let descriptor = open("/sys/fs/cgroup/memory.max", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return Int(String(decoding: buffer[..<count].prefix { $0 != 0x0A }, as: UTF8.self))
    }
}

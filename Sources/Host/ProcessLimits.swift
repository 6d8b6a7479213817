internal import CKernels
import Glibc

/// What this process may take of the system.
public enum ProcessLimits {
    /// Lets the process open as many files as the system allows it, and makes a file that grows
    /// beyond its limit an error of the write instead of the process's end.
    ///
    /// Call once at the start. Answers how many files may be open at a time.
    @discardableResult
    public static func prepare() -> Int {
        signal(SIGXFSZ, SIG_IGN)
        keepFreedMemory()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 0 }
        let wanted = limit.rlim_max
        if limit.rlim_cur < wanted {
            var raised = limit
            raised.rlim_cur = wanted
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// Lets the allocator use freed memory again instead of giving it back at once.
    ///
    /// Bodies and columns are arrays of a mebibyte or so that live for milliseconds; mapped anew each
    /// time, the kernel clears their pages, which took a sixth of the time of a load. What one thread
    /// frees another takes only where they share a heap: with no more heaps than processors a load
    /// takes an eighth less memory, and a twentieth less of the processor's time.
    private static func keepFreedMemory() {
        wf_keep_freed_memory(
            mappedFromBytes, keptBytes, Int32(clamping: max(2, WorkerPool.processors)))
    }

    /// Maps all of the program's code before the first request, so that none waits for the disk to
    /// bring a page of it.
    ///
    /// Takes some milliseconds; of a server with nothing in the page cache the first question takes
    /// two thirds of the time.
    public static func mapProgram() { wf_map_program() }

    /// The greatest threshold the allocator takes.
    private static let mappedFromBytes: Int32 = 32 << 20
    private static let keptBytes: Int32 = 128 << 20
}

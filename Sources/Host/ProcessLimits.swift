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
}

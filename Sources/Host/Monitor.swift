import Glibc

/// A value under a lock, with a condition that threads can wait for.
///
/// The lock guards the value, never code: no calls to the machine while it is held.
public final class Monitor<Value: Sendable>: @unchecked Sendable {
    // SENDABLE: `value` is read and written only between `pthread_mutex_lock` and `_unlock`.
    private var value: Value
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    public init(_ value: Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with the value; threads that wait look at it again afterwards when `body` asks.
    public func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Runs `body` with the value unless another thread has the lock; nil then.
    public func withLockIfAvailable<Result>(_ body: (inout Value) -> Result) -> Result? {
        guard pthread_mutex_trylock(mutex) == 0 else { return nil }
        defer { pthread_mutex_unlock(mutex) }
        return body(&value)
    }

    /// Wakes every thread that waits, to look at the value again.
    public func wake() { pthread_cond_broadcast(condition) }

    /// Changes the value and wakes every thread that waits.
    public func update<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        defer { pthread_cond_broadcast(condition) }
        return body(&value)
    }

    /// Changes the value and wakes one of the threads that wait: enough where any of them can do
    /// what the change brought.
    public func updateForOne<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        defer { pthread_cond_signal(condition) }
        return body(&value)
    }

    /// Waits until `body` gives a result.
    public func wait<Result>(until body: (inout Value) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            pthread_cond_wait(condition, mutex)
        }
    }

    /// Waits until `body` gives a result, at most `nanoseconds`; nil when the time is over.
    public func wait<Result>(
        atMost nanoseconds: Int64, until body: (inout Value) -> Result?
    ) -> Result? {
        let deadline = SystemClock().monotonicNanoseconds() + max(0, nanoseconds)
        var time = timespec()
        time.tv_sec = Int(deadline / 1_000_000_000)
        time.tv_nsec = Int(deadline % 1_000_000_000)
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT {
                return body(&value)
            }
        }
    }
}

import Glibc

/// A thread of the system that runs one function to its end.
public final class HostThread: Sendable {
    private let isDone = Monitor(false)

    /// Starts a thread.
    ///
    /// Throws `HostError` when the system has none to give. `name` is what tools such as `top -H` show; its first 15 bytes.
    public init(name: String, _ body: @escaping @Sendable () -> Void) throws(HostError) {
        let isDone = isDone
        let start = ThreadStart(name: name) {
            body()
            isDone.update { $0 = true }
        }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, HostThread.stackBytes)
        let context = Unmanaged.passRetained(start)
        var thread = pthread_t()
        let code = pthread_create(&thread, &attributes, runThread, context.toOpaque())
        if code != 0 {
            context.release()
            throw HostError(.startThread, name, code: code)
        }
    }

    /// Waits until the thread's function has returned.
    public func join() { isDone.wait { $0 ? () : nil } }

    /// Deep recursion is bounded elsewhere; this leaves it ample room.
    private static let stackBytes = 8 << 20
}

private final class ThreadStart: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private let runThread: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
    context in
    guard let context else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue()
    nameThread(start.name)
    start.body()
    return nil
}

/// Names the calling thread; only for people who look, so a failure is no matter.
private func nameThread(_ name: String) {
    let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    _ = write(descriptor, bytes, bytes.count)
    close(descriptor)
}

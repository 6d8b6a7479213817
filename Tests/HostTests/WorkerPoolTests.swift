import Host
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
    @Test(arguments: [1, 2, 4]) func `every piece is done exactly once`(parallelism: Int) throws {
        let pool = try WorkerPool(parallelism: parallelism)
        for count in [0, 1, 2, 7, 1_000] {
            let calls = Mutex([Int](repeating: 0, count: count))
            pool.parallelFor(count) { index in calls.withLock { $0[index] += 1 } }
            #expect(calls.withLock { $0 } == [Int](repeating: 1, count: count))
        }
        pool.close()
    }

    @Test func `results come in the order of their pieces`() throws {
        let pool = try WorkerPool(parallelism: 3)
        #expect(pool.parallelMap(500) { "\($0)" } == (0..<500).map { "\($0)" })
        #expect(pool.parallelMap(0) { $0 } == [])
    }

    @Test func `a piece may bring a job of its own`() throws {
        let pool = try WorkerPool(parallelism: 2)
        let sums = pool.parallelMap(8) { outer in
            pool.parallelMap(8) { outer * $0 }.reduce(0, +)
        }
        #expect(sums == (0..<8).map { $0 * 28 })
    }

    @Test func `several threads bring jobs at once`() throws {
        let pool = try WorkerPool(parallelism: 2)
        let total = Mutex(0)
        var threads: [HostThread] = []
        for _ in 0..<4 {
            let thread = try HostThread(name: "caller") {
                for _ in 0..<20 {
                    pool.parallelFor(10) { index in total.withLock { $0 += index } }
                }
            }
            threads.append(thread)
        }
        for thread in threads { thread.join() }
        #expect(total.withLock { $0 } == 4 * 20 * 45)
    }

    @Test func `a closed pool leaves the work to its caller`() throws {
        let pool = try WorkerPool(parallelism: 2)
        pool.close()
        #expect(pool.parallelMap(5) { $0 } == [0, 1, 2, 3, 4])
    }
}

@Suite struct MonitorTests {
    @Test func `a waiting thread sees the change it waits for`() throws {
        let monitor = Monitor(0)
        let thread = try HostThread(name: "counter") {
            for _ in 0..<100 { monitor.update { $0 += 1 } }
        }
        #expect(monitor.wait { $0 == 100 ? $0 : nil } == 100)
        thread.join()
    }

    @Test func `waiting ends with its time`() {
        let monitor = Monitor(0)
        let result: Int? = monitor.wait(atMost: 1_000_000) { $0 == 1 ? $0 : nil }
        #expect(result == nil)
    }
}

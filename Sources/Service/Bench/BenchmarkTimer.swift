internal import Glibc

/// Times pieces of work by the processor time of the whole process, so that a busy machine disturbs
/// less than the wall clock would.
struct BenchmarkTimer {
    /// Runs of each piece; the best one counts.
    let rounds: Int

    /// Seconds of processor time of the best run.
    func best(_ work: () throws -> Void) rethrows -> Double {
        var best = Double.infinity
        for _ in 0..<rounds {
            let start = BenchmarkTimer.processorSeconds()
            try work()
            best = min(best, BenchmarkTimer.processorSeconds() - start)
        }
        return best
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Bytes one thread reads from memory in a second: the sum of an array far larger than caches.
    func memoryBandwidth() -> Double {
        let words = [UInt64](repeating: 1, count: 1 << 24)
        var total: UInt64 = 0
        let seconds = best {
            words.withUnsafeBufferPointer { words in
                var sums = SIMD8<UInt64>()
                for index in stride(from: 0, to: words.count, by: 8) {
                    sums &+= SIMD8(
                        words[index], words[index + 1], words[index + 2], words[index + 3],
                        words[index + 4], words[index + 5], words[index + 6], words[index + 7])
                }
                total &+= sums.wrappedSum()
            }
        }
        precondition(total > 0, "BUG: the sum of ones is nothing")
        return Double(words.count * 8) / seconds
    }
}

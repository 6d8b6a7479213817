public import SeriesStore

extension NativeHistogram {
    /// All observations of two histograms, as PromQL adds them; of two with bounds that do not go
    /// together the second.
    public static func sum(_ first: NativeHistogram, _ second: NativeHistogram) -> NativeHistogram {
        var sum = Histogram(first)
        do throws(Histogram.IncompatibleBounds) {
            _ = try sum.add(Histogram(second))
            return sum.stored
        } catch {
            return second
        }
    }
}

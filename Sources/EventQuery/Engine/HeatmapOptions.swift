/// How the numbers of heatmaps are put into bins that all groups and times share.
public struct HeatmapOptions: Hashable, Sendable {
    /// Bins of equal width; else of equal width on a logarithmic scale.
    public var isLinear = false
    /// Bins between the two that hold what lies beyond, about; 1 to `NumberBins.most`.
    public var bins = 40
    /// From where to where the bins reach; nil to fit them to the numbers.
    public var range: (low: Double, high: Double)? {
        get { low.flatMap { low in high.map { (low, $0) } } }
        set { (low, high) = (newValue?.low, newValue?.high) }
    }
    private var low: Double?
    private var high: Double?

    public init() {}
}

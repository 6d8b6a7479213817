import Compute

/// What `having` and `sort` may speak of: the calculations and group keys of the answer.
struct ResultScope {
    var calculations: [Calculation] = []
    var groupNames: [String] = []

    init() {}

    init(_ statistics: Statistics) {
        calculations = statistics.calculations
        groupNames = statistics.groupBy.map(\.name)
    }

    var names: [String] { calculations.map(\.key) + groupNames }

    /// The key of the calculation that is this call, whatever its alias.
    func key(ofCall call: Calculation) -> String? {
        calculations.first {
            $0.aggregate == call.aggregate && $0.argument == call.argument
                && $0.filter == call.filter
        }?.key
    }

    /// How a query names a column of the answer: the call where that is unmistakable, else the name.
    func text(ofKey key: String) -> String {
        let named = calculations.first { $0.key == key }
        if let named, named.alias == nil, self.key(ofCall: named) == key,
            named.filter == nil || named.aggregate == .count && named.argument == nil
        {
            return named.callText
        }
        return Words.quoted(key)
    }
}

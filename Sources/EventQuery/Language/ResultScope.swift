import Compute

/// What `having` and `sort` may speak of: the calculations, formulas and group keys of the answer.
struct ResultScope {
    var calculations: [Calculation] = []
    var formulaNames: [String] = []
    var groupNames: [String] = []

    init() {}

    init(_ statistics: Statistics) {
        calculations = statistics.calculations
        formulaNames = statistics.formulas.map(\.name)
        groupNames = statistics.groupBy.map(\.name)
    }

    var names: [String] { calculations.map(\.key) + formulaNames + groupNames }

    /// Whether what is called and not there is computed beside the rest: in a formula.
    var isFormula = false

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

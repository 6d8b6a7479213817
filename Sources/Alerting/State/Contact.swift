internal import SeriesStore

/// Who is asked about an alert, and where it is said what to do; empty when its rule does not say.
///
/// Both are labels or annotations of the rule. Of one name the label counts, and of several names the
/// first one.
struct Contact: Sendable {
    static let ownerNames = ["owner", "team"]
    static let runbookNames = ["runbook_url", "runbook"]

    let owner: String
    let runbook: String

    init(_ labels: Labels, _ annotations: Labels) {
        func first(_ names: [String]) -> String {
            names.lazy.flatMap { [labels[$0], annotations[$0]] }.first { !$0.isEmpty } ?? ""
        }
        owner = first(Contact.ownerNames)
        runbook = first(Contact.runbookNames)
    }
}

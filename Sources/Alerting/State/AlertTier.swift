/// Who acts on an alert, as its label `tier` says.
public enum AlertTier: String, Sendable, CaseIterable {
    /// A machine; nobody is woken.
    case automate
    /// Somebody in working hours.
    case ticket
    /// Somebody now.
    case page

    /// The label's name.
    static let label = "tier"
}

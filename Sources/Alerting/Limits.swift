/// Bounds of what rules may be and take.
public enum AlertingLimits {
    /// Bytes of a file of rules or of tests of rules.
    public static let fileBytes = 4 << 20
    /// Nodes of a file, each one counted wherever an alias stands for it.
    static let nodes = 1_000_000
    /// Nodes within one another.
    static let depth = 64
    /// Problems that are told of one file.
    static let problems = 100
    /// Bytes of one template's text.
    static let templateBytes = 1 << 16
    /// Actions of a template within one another, and operands within brackets.
    static let templateDepth = 50
    /// Steps that expanding one template takes at most.
    static let templateSteps = 100_000
    /// Bytes that a template may become.
    static let expandedBytes = 1 << 16
    /// Samples that one round of evaluations holds for rules to share: 80 MB.
    static let roundSamples = 5_000_000
    /// Incidents of an environment that are remembered; beyond, the oldest go.
    static let incidents = 10_000
    /// Evaluations of a group that late events may change, and those of rules that are looked at anew at
    /// once: 150 ms.
    static let pastEvaluations = 60
    static let revisedEvaluations = 20_000
    /// Stretches without events that are remembered until all groups were evaluated after them.
    static let silences = 1_000
    /// Changes of past verdicts that are remembered.
    static let revisions = 1_000
    /// Evaluations of all groups that a replay of rules may take, and changes that it tells of.
    static let replayEvaluations: Int64 = 50_000
    static let replayChanges = 10_000
    /// Milliseconds of the window that a trigger looks at.
    static let triggerWindow: ClosedRange<Int64> = 1000...604_800_000
    /// Windows that a trigger remembers of each alert: bits of one number.
    public static let triggerWindows = 60
    /// Groups of a trigger that compares with weeks before: an hour of each is read by minutes.
    static let baselineGroups = 1_000
    /// Selectors that an expression over recorded series is followed to.
    static let recordedSelectors = 100
    /// Alerts that are gone and are kept for a receiver that was not told of them: some megabytes.
    static let untoldAlerts = 1_000
    /// Alerts that one message tells of.
    static let alertsPerMessage = 100
    /// The same of a card of Microsoft Teams, which takes 28 KiB.
    static let alertsPerCard = 5
    /// Evaluations of all groups that one test of rules may take.
    static let testEvaluations: Int64 = 1_000_000
    /// Samples of SLOs that one selector may work out: 80 MB.
    static let objectiveSamples: Int64 = 5_000_000
    /// Cells with events that are kept for burn-rate alerts of an environment: 190 MB; the alerts of SLOs
    /// beyond are asked for anew each time.
    static let tallyCells = 8_000_000
    /// Stretches of time that are counted anew for late events; what lies between goes with them.
    static let lateStretches = 8
    /// Stretches of SLOs' events that are kept while one question is answered.
    static let objectivesCounted = 400
}

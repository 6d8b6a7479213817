/// What an environment consists of: all edits applied, one after the other.
struct ManifestState: Hashable, Sendable {
    /// By file name.
    private(set) var segments: [String: SegmentEntry] = [:]
    private(set) var dead: Set<DeadRun> = []
    /// Replay of the log starts here for this environment.
    private(set) var sealedBelow: UInt64 = 0
    /// By sequence.
    private(set) var keys: [UInt64: SavedKey] = [:]
    /// Of all erasures, in their order.
    private(set) var receipts: [ErasureReceipt] = []
    /// Keys that the log may still have and that count no more, by sequence.
    private(set) var forgottenKeys: Set<UInt64> = []

    /// Erasures whose events may still be in the log or in earlier edits.
    var unfinishedErasures: [ErasureReceipt] { receipts.filter { !$0.isFinished } }

    /// The number for the next segment's file; higher than any in use.
    var nextFileNumber: UInt64 {
        (segments.keys.compactMap { Filenames.segmentNumber($0) }.max() ?? 0) + 1
    }

    /// Applies an edit, or tells why it does not fit and changes nothing.
    mutating func apply(_ edit: ManifestEdit) -> String? {
        var changed = segments
        for name in edit.removed where changed.removeValue(forKey: name) == nil {
            return "edit removes a segment that is not there: \(name)"
        }
        for segment in edit.added
        where changed.updateValue(segment, forKey: segment.fileName) != nil {
            return "edit adds a segment that is there already: \(segment.fileName)"
        }
        for run in edit.dead {
            guard
                changed[run.fileName]?.datasets.contains(where: { $0.name == run.dataset }) == true
            else { return "edit buries a run that is not there: \(run.fileName), \(run.dataset)" }
        }
        segments = changed
        dead = dead.union(edit.dead).filter { changed[$0.fileName] != nil }
        sealedBelow = max(sealedBelow, edit.sealedBelow ?? 0)
        for key in edit.keys { keys[key.sequence] = key }
        forgottenKeys.formUnion(edit.forgottenKeys)
        keys = keys.filter { !forgottenKeys.contains($0.key) }
        for receipt in edit.receipts { file(receipt) }
        if unfinishedErasures.isEmpty { forgottenKeys = [] }
        return nil
    }

    /// Files a receipt, or what became of one; beyond the bound the oldest that is finished goes.
    private mutating func file(_ receipt: ErasureReceipt) {
        if let place = receipts.firstIndex(where: { $0.id == receipt.id }) {
            receipts[place] = receipt
            return
        }
        receipts.append(receipt)
        guard receipts.count > FormatLimits.receipts else { return }
        receipts.remove(at: receipts.firstIndex(where: \.isFinished) ?? 0)
    }

    /// Forgets keys nobody remembers any more.
    mutating func keepKeys(_ sequences: Set<UInt64>) {
        keys = keys.filter { sequences.contains($0.key) }
    }

    /// One edit that makes this state out of nothing.
    var asEdit: ManifestEdit {
        var edit = ManifestEdit()
        edit.added = segments.values.sorted { $0.fileName < $1.fileName }
        edit.dead = dead.sorted { ($0.fileName, $0.dataset) < ($1.fileName, $1.dataset) }
        edit.sealedBelow = sealedBelow
        edit.keys = keys.values.sorted { $0.sequence < $1.sequence }
        edit.receipts = receipts
        edit.forgottenKeys = forgottenKeys.sorted()
        return edit
    }
}

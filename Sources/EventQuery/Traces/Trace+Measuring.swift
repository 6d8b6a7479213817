internal import Events

extension Trace {
    /// Works out what the times of the nodes say together.
    mutating func measure() {
        let spans = nodes.indices.filter { nodes[$0].kind == .span }
        guard let first = spans.map({ nodes[$0].start }).min(),
            let last = spans.map({ nodes[$0].end }).max()
        else { return }
        bounds = first...last
        let children = ChildList(nodes.map(\.parent)) { [nodes] in (nodes[$0].start, $0) }
        for index in spans {
            nodes[index].selfTime = selfTime(of: index, children)
            nodes[index].clockSkew = clockSkew(of: index)
        }
        markCriticalPath(children, within: first...last)
    }

    /// The duration less the time in which any child span was under way.
    private func selfTime(of index: Int, _ children: ChildList) -> Int64? {
        guard let duration = nodes[index].duration else { return nil }
        let (start, end) = (nodes[index].start, nodes[index].end)
        var covered: Int64 = 0
        // Children come by their starts, so what was covered ends at one place.
        var coveredUntil = start
        for child in children[index] where nodes[child].kind == .span {
            let from = max(nodes[child].start, coveredUntil)
            let until = min(nodes[child].end, end)
            guard until > from else { continue }
            covered += until - from
            coveredUntil = until
        }
        return duration - covered
    }

    private func clockSkew(of index: Int) -> Int64 {
        let node = nodes[index]
        guard let parent = node.parent.map({ nodes[$0] }), parent.kind == .span else { return 0 }
        if node.start < parent.start { return node.start.subtractingSaturated(parent.start) }
        let isCall = parent.spanKind == "client" && node.spanKind == "server"
        guard isCall, parent.duration != nil, node.end > parent.end else { return 0 }
        return node.end.subtractingSaturated(parent.end)
    }

    /// Walks back from the end of the trace: whatever ended last is what was waited for.
    ///
    /// The stretch after a child's end belongs to the span itself; then the same from the child's
    /// start, with the children that had ended by then. (Zhang et al., CRISP, USENIX ATC 2022.)
    private mutating func markCriticalPath(
        _ children: ChildList, within bounds: ClosedRange<Int64>
    ) {
        let hulls = hulls()
        struct Stretch {
            /// Nil for the whole trace.
            let span: Int?
            let from: Int64
            let until: Int64
        }
        var open = [Stretch(span: nil, from: bounds.lowerBound, until: bounds.upperBound)]
        while let stretch = open.popLast() {
            let inside = stretch.span.map { children[$0] } ?? children.roots[...]
            let ended = inside.filter { hulls[$0] != nil }
                .map { (span: $0, end: min(hulls[$0]?.upperBound ?? 0, stretch.until)) }
                .sorted { ($1.end, $0.span) < ($0.end, $1.span) }
            var place = stretch.until
            for child in ended {
                let start = max(hulls[child.span]?.lowerBound ?? 0, stretch.from)
                guard child.end <= place, start < child.end else { continue }
                if let span = stretch.span { waited(in: span, from: child.end, until: place) }
                open.append(Stretch(span: child.span, from: start, until: child.end))
                place = start
            }
            if let span = stretch.span { waited(in: span, from: stretch.from, until: place) }
        }
    }

    private mutating func waited(in index: Int, from start: Int64, until end: Int64) {
        let time = end.subtractingSaturated(start)
        nodes[index].criticalTime = nodes[index].criticalTime.addingSaturated(time)
    }

    /// When each span was under way; of missing spans, when their children were; nil for the rest.
    private func hulls() -> [ClosedRange<Int64>?] {
        var hulls = nodes.map { $0.kind == .span ? $0.start...$0.end : nil }
        // Parents stand before their children.
        for index in nodes.indices.reversed() {
            guard let hull = hulls[index], let parent = nodes[index].parent,
                nodes[parent].kind == .missing
            else { continue }
            let known = hulls[parent] ?? hull
            hulls[parent] =
                min(known.lowerBound, hull.lowerBound)...max(known.upperBound, hull.upperBound)
        }
        return hulls
    }
}

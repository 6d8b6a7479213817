/// Puts the events of a trace in their places.
///
/// Neither depth nor number is small (100,000 spans in one chain are legal), so nothing recurses.
struct TraceBuilder {
    /// Events first, in the order in which they were given, then missing spans.
    private var nodes: [TraceNode]
    private var parents: [Int?]
    private let events: Int

    /// Links the events of one trace.
    init(_ events: [TraceEvent]) {
        self.events = events.count
        nodes = events.map(TraceNode.init)
        parents = Array(repeating: nil, count: events.count)
        link()
        cutCycles()
    }

    private mutating func link() {
        var spans: [String: Int] = [:]
        for (index, node) in nodes.enumerated() where node.kind == .span {
            guard let id = node.spanID else { continue }
            // Of several spans of one id the first is the parent of those that name it.
            if let known = spans[id], nodes[known].start <= node.start { continue }
            spans[id] = index
        }
        for index in 0..<events {
            guard let id = nodes[index].parentID else { continue }
            if let parent = spans[id] {
                parents[index] = parent
                continue
            }
            spans[id] = nodes.count
            parents[index] = nodes.count
            let firstStart = nodes[index].start
            nodes.append(TraceNode(missing: id, start: firstStart))
            parents.append(nil)
        }
    }

    /// Ends each circle of parents at the span that begins first.
    private mutating func cutCycles() {
        enum Mark { case new, underWay, done }
        var marks = [Mark](repeating: .new, count: nodes.count)
        for start in nodes.indices {
            var path: [Int] = []
            var place: Int? = start
            while let index = place, marks[index] == .new {
                marks[index] = .underWay
                path.append(index)
                place = parents[index]
            }
            if let meeting = place, marks[meeting] == .underWay,
                let begin = path.firstIndex(of: meeting),
                let first = path[begin...].min(by: {
                    (nodes[$0].start, $0) < (nodes[$1].start, $1)
                })
            {
                parents[first] = nil
                nodes[first].isInCycle = true
            }
            for index in path { marks[index] = .done }
        }
    }

    /// The tree, and for each of its nodes the place of its event among those given; nil for spans
    /// that are missing.
    consuming func build(id: String) -> (trace: Trace, places: [Int?]) {
        var trace = Trace(id: id)
        let children = ChildList(parents) { [nodes] in (nodes[$0].start, $0) }
        var order: [Int] = []
        order.reserveCapacity(nodes.count)
        var placeOf = [Int](repeating: 0, count: nodes.count)
        var stack = Array(children.roots.reversed())
        while let index = stack.popLast() {
            placeOf[index] = order.count
            order.append(index)
            stack += children[index].reversed()
        }
        for index in order {
            var node = nodes[index]
            node.parent = parents[index].map { placeOf[$0] }
            node.depth = node.parent.map { trace.nodes[$0].depth + 1 } ?? 0
            trace.nodes.append(node)
        }
        trace.measure()
        return (trace, order.map { $0 < events ? $0 : nil })
    }
}

/// The children of each of many nodes, in one array.
struct ChildList {
    private let starts: [Int]
    private let sorted: [Int]
    /// Those without a parent.
    let roots: [Int]

    /// Sorts the children of each parent, and the roots, by `key`.
    init<Key: Comparable, Other: Comparable>(_ parents: [Int?], by key: (Int) -> (Key, Other)) {
        let order = parents.indices.sorted { key($0) < key($1) }
        var starts = [Int](repeating: 0, count: parents.count + 1)
        for case let parent? in parents { starts[parent + 1] += 1 }
        for index in parents.indices { starts[index + 1] += starts[index] }
        var next = starts
        var sorted = [Int](repeating: 0, count: starts[parents.count])
        for index in order {
            guard let parent = parents[index] else { continue }
            sorted[next[parent]] = index
            next[parent] += 1
        }
        self.starts = starts
        self.sorted = sorted
        roots = order.filter { parents[$0] == nil }
    }

    subscript(parent: Int) -> ArraySlice<Int> { sorted[starts[parent]..<starts[parent + 1]] }
}

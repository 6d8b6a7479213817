internal import CYaml

/// Makes trees of libyaml's events.
///
/// Aliases stand for copies of what they name, and merge keys bring the keys of theirs that are not
/// there; an anchor knows only what was read before it ends, so nothing holds itself. Depth and the
/// number of nodes, those of aliases counted again each time, are bounded.
struct YAMLReader: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private var event = yaml_event_t()
    private var anchors: [String: YAMLNode] = [:]
    private var nodes = 0

    /// The documents of a text, in order; empty ones are left out.
    static func documents(_ bytes: [UInt8]) throws(YAMLError) -> [YAMLNode] {
        guard bytes.count <= AlertingLimits.fileBytes else {
            throw YAMLError(
                message: "the file has more than \(AlertingLimits.fileBytes) bytes",
                place: TextPlace(line: 1, column: 1))
        }
        let result: Result<[YAMLNode], YAMLError> = bytes.withUnsafeBufferPointer { text in
            do throws(YAMLError) {
                var reader = try YAMLReader(text)
                return .success(try reader.documents())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// - Parameter text: outlives the reader.
    private init(_ text: UnsafeBufferPointer<UInt8>) throws(YAMLError) {
        parser = .allocate(capacity: 1)
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            throw YAMLError(
                message: "there is no memory to read it", place: TextPlace(line: 1, column: 1))
        }
        // SAFETY: the bytes live as long as the reader, and an array's buffer has a base.
        yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    private mutating func documents() throws(YAMLError) -> [YAMLNode] {
        var found: [YAMLNode] = []
        while true {
            switch try next() {
            case YAML_STREAM_END_EVENT: return found
            case YAML_STREAM_START_EVENT, YAML_DOCUMENT_END_EVENT: continue
            case YAML_DOCUMENT_START_EVENT: anchors = [:]
            case let type:
                let node = try node(type, depth: 0)
                if !node.isNull { found.append(node) }
            }
        }
    }

    // MARK: - Events

    /// Goes on to the next event and gives its type.
    private mutating func next() throws(YAMLError) -> yaml_event_type_t {
        yaml_event_delete(&event)
        guard yaml_parser_parse(parser, &event) == 1 else {
            let mark = parser.pointee.problem_mark
            let problem = parser.pointee.problem.map { String(cString: $0) } ?? "it is no YAML"
            throw YAMLError(message: problem, place: YAMLReader.place(mark))
        }
        return event.type
    }

    private static func place(_ mark: yaml_mark_t) -> TextPlace {
        TextPlace(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
    }

    // MARK: - Nodes

    /// The node that begins with the event.
    private mutating func node(
        _ type: yaml_event_type_t, depth: Int
    ) throws(YAMLError) -> YAMLNode {
        let place = YAMLReader.place(event.start_mark)
        guard depth < AlertingLimits.depth else {
            throw YAMLError(
                message: "more than \(AlertingLimits.depth) nodes within one another", place: place)
        }
        switch type {
        case YAML_ALIAS_EVENT: return try alias(place)
        case YAML_SCALAR_EVENT: return try scalar(place)
        case YAML_SEQUENCE_START_EVENT:
            let anchor = YAMLReader.text(event.data.sequence_start.anchor)
            return try sequence(anchor, place, depth)
        default:
            let anchor = YAMLReader.text(event.data.mapping_start.anchor)
            return try mapping(anchor, place, depth)
        }
    }

    private static func text(_ bytes: UnsafePointer<UInt8>?) -> String? {
        bytes.map { String(cString: $0) }
    }

    private mutating func alias(_ place: TextPlace) throws(YAMLError) -> YAMLNode {
        let name = YAMLReader.text(event.data.alias.anchor) ?? ""
        guard let named = anchors[name] else {
            throw YAMLError(message: "unknown anchor '\(name)'", place: place)
        }
        try count(named.size, place)
        return YAMLNode(content: named.content, place: place, size: named.size)
    }

    private mutating func count(_ more: Int, _ place: TextPlace) throws(YAMLError) {
        nodes += more
        guard nodes <= AlertingLimits.nodes else {
            throw YAMLError(
                message: "the file has more than \(AlertingLimits.nodes) nodes", place: place)
        }
    }

    private mutating func made(
        _ content: YAMLNode.Content, _ anchor: String?, _ place: TextPlace, size: Int
    ) throws(YAMLError) -> YAMLNode {
        try count(1, place)
        let node = YAMLNode(content: content, place: place, size: size)
        if let anchor { anchors[anchor] = node }
        return node
    }

    private mutating func scalar(_ place: TextPlace) throws(YAMLError) -> YAMLNode {
        let scalar = event.data.scalar
        let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
        let text = String(decoding: bytes, as: UTF8.self)
        return try made(
            .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE),
            YAMLReader.text(scalar.anchor), place, size: 1)
    }

    private mutating func sequence(
        _ anchor: String?, _ place: TextPlace, _ depth: Int
    ) throws(YAMLError) -> YAMLNode {
        var elements: [YAMLNode] = []
        while true {
            let type = try next()
            if type == YAML_SEQUENCE_END_EVENT { break }
            elements.append(try node(type, depth: depth + 1))
        }
        let size = elements.reduce(1) { $0 + $1.size }
        return try made(.sequence(elements), anchor, place, size: size)
    }

    private mutating func mapping(
        _ anchor: String?, _ place: TextPlace, _ depth: Int
    ) throws(YAMLError) -> YAMLNode {
        var entries: [(key: YAMLNode, value: YAMLNode)] = []
        var lines: [String: Int] = [:]
        var merged: [YAMLNode] = []
        while true {
            let type = try next()
            if type == YAML_MAPPING_END_EVENT { break }
            let key = try node(type, depth: depth + 1)
            let value = try node(try next(), depth: depth + 1)
            if case .scalar("<<", isPlain: true) = key.content {
                merged.append(value)
                continue
            }
            if let name = key.text {
                if let line = lines[name] {
                    throw YAMLError(
                        message: "key '\(name)' is already there at line \(line)", place: key.place)
                }
                lines[name] = key.place.line
            }
            entries.append((key, value))
        }
        for value in merged { try merge(value, into: &entries, &lines) }
        let size = entries.reduce(1) { $0 + $1.key.size + $1.value.size }
        return try made(.mapping(entries), anchor, place, size: size)
    }

    /// Adds the entries of a mapping, or of several, whose keys are not there yet.
    private func merge(
        _ value: YAMLNode, into entries: inout [(key: YAMLNode, value: YAMLNode)],
        _ lines: inout [String: Int]
    ) throws(YAMLError) {
        switch value.content {
        case .mapping(let others):
            for entry in others {
                guard let name = entry.key.text, lines[name] == nil else { continue }
                lines[name] = entry.key.place.line
                entries.append(entry)
            }
        // One level: a list within a list is none that may stand here.
        case .sequence(let mappings) where mappings.allSatisfy({ $0.typeName == "a mapping" }):
            for mapping in mappings { try merge(mapping, into: &entries, &lines) }
        default:
            throw YAMLError(
                message: "'<<' takes a mapping, not \(value.typeName)", place: value.place)
        }
    }
}

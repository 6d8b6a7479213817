/// Reads a template: the language of Go's `text/template`.
///
/// Names of functions and variables are looked up here already, so that a rule with a wrong one is
/// refused when it is loaded.
struct TemplateParser {
    private var pieces: ArraySlice<TemplatePiece>
    /// Tokens of the action at hand.
    private var tokens: ArraySlice<TemplateToken> = []
    private var variables: [String]
    private var ranges = 0
    /// What `define` and `block` gave names to.
    private var defined: [String: [TemplateNode]] = [:]

    /// A text that has been read, with what is defined in it.
    struct Reading: Sendable {
        let nodes: [TemplateNode]
        let defined: [String: [TemplateNode]]
    }

    static func read(
        _ text: String, variables: [String]
    ) throws(TemplateError) -> Reading {
        let pieces = try TemplatePiece.pieces(of: text)
        var parser = TemplateParser(pieces: pieces[...], variables: variables)
        let (nodes, end) = try parser.list(depth: 0)
        if let end { throw TemplateError("unexpected {{\(end)}}") }
        return Reading(nodes: nodes, defined: parser.defined)
    }

    private init(pieces: ArraySlice<TemplatePiece>, variables: [String]) {
        self.pieces = pieces
        self.variables = variables
    }

    // MARK: - Control

    /// What stands up to an `else` or `end`, whose word is given too, or the end of the text.
    private mutating func list(
        depth: Int
    ) throws(TemplateError) -> (nodes: [TemplateNode], end: String?) {
        guard depth < AlertingLimits.templateDepth else {
            throw TemplateError(
                "more than \(AlertingLimits.templateDepth) actions within one another")
        }
        var nodes: [TemplateNode] = []
        while let piece = pieces.popFirst() {
            switch piece {
            case .text(let text): nodes.append(.text(text))
            case .action(let action):
                tokens = action[...]
                guard case .word(let word)? = tokens.first?.kind else {
                    nodes.append(.action(try wholePipeline()))
                    continue
                }
                switch word {
                case "end":
                    tokens.removeFirst()
                    try expectEnd("end")
                    return (nodes, "end")
                case "else":
                    tokens.removeFirst()
                    return (nodes, "else")
                case "if", "with", "range":
                    tokens.removeFirst()
                    nodes.append(try control(word, depth))
                case "break", "continue":
                    tokens.removeFirst()
                    try expectEnd(word)
                    guard ranges > 0 else { throw TemplateError("{{\(word)}} outside {{range}}") }
                    nodes.append(.leave(goesOn: word == "continue"))
                case "define":
                    guard depth == 0 else { throw TemplateError("unexpected {{define}}") }
                    tokens.removeFirst()
                    try define(try name(of: word), depth)
                case "template", "block":
                    tokens.removeFirst()
                    nodes.append(try invocation(word, depth))
                default: nodes.append(.action(try wholePipeline()))
                }
            }
        }
        return (nodes, nil)
    }

    private func expectEnd(_ word: String) throws(TemplateError) {
        if !tokens.isEmpty { throw TemplateError("unexpected operand in {{\(word)}}") }
    }

    // MARK: - Templates within templates

    /// The name that follows `define`, `template` or `block`.
    private mutating func name(of word: String) throws(TemplateError) -> String {
        guard case .string(let name)? = tokens.popFirst()?.kind else {
            throw TemplateError("unexpected operand in {{\(word)}}: expected a name")
        }
        return name
    }

    /// Takes what stands up to `end` under a name; it knows no variables but `$`.
    private mutating func define(_ name: String, _ depth: Int) throws(TemplateError) {
        try expectEnd("define")
        let (outside, loops) = (variables, ranges)
        (variables, ranges) = ([], 0)
        let (nodes, end) = try list(depth: depth + 1)
        (variables, ranges) = (outside, loops)
        guard end == "end" else { throw TemplateError("expected {{end}} of {{define}}") }
        guard defined.updateValue(nodes, forKey: name) == nil else {
            throw TemplateError("multiple definition of template \"\(name)\"")
        }
    }

    private mutating func invocation(
        _ word: String, _ depth: Int
    ) throws(TemplateError) -> TemplateNode {
        let name = try name(of: word)
        let pipeline = tokens.isEmpty && word == "template" ? nil : try wholePipeline()
        if word == "block" { try define(name, depth) }
        return .template(name, pipeline)
    }

    // MARK: - Choices and loops

    private mutating func control(
        _ word: String, _ depth: Int
    ) throws(TemplateError) -> TemplateNode {
        let known = variables.count
        let pipeline = try wholePipeline(isRange: word == "range")
        if word == "range" { ranges += 1 }
        let (then, end) = try list(depth: depth + 1)
        if word == "range" { ranges -= 1 }
        var otherwise: [TemplateNode] = []
        if end == "else" {
            if case .word(let next)? = tokens.first?.kind, next == word, word != "range" {
                tokens.removeFirst()
                otherwise = [try control(next, depth + 1)]
            } else {
                try expectEnd("else")
                let (nodes, end) = try list(depth: depth + 1)
                if end != "end" { throw TemplateError("expected {{end}} of {{\(word)}}") }
                otherwise = nodes
            }
        } else if end == nil {
            throw TemplateError("unexpected end of the text; {{\(word)}} has no {{end}}")
        }
        variables.removeSubrange(known...)
        return switch word {
        case "if": .choice(pipeline, then: then, otherwise: otherwise)
        case "with": .with(pipeline, then: then, otherwise: otherwise)
        default: .range(pipeline, each: then, otherwise: otherwise)
        }
    }

    // MARK: - Pipelines

    private mutating func wholePipeline(
        isRange: Bool = false
    ) throws(TemplateError) -> TemplatePipeline {
        let pipeline = try pipeline(isRange: isRange, depth: 0)
        if !tokens.isEmpty { throw TemplateError("unexpected operand in an action") }
        return pipeline
    }

    private mutating func pipeline(
        isRange: Bool = false, depth: Int
    ) throws(TemplateError) -> TemplatePipeline {
        guard depth < AlertingLimits.templateDepth else {
            throw TemplateError(
                "more than \(AlertingLimits.templateDepth) brackets within one another")
        }
        var pipeline = try variablesOfPipeline(isRange: isRange)
        repeat {
            let command = try command(depth)
            if command.isEmpty { throw TemplateError("missing value for command") }
            if !pipeline.commands.isEmpty {
                // What comes before is handed over, so something must take it.
                guard case .function? = command.first else {
                    throw TemplateError("non executable command in pipeline")
                }
            }
            pipeline.commands.append(command)
        } while take(.pipe)
        if !pipeline.isAssignment { variables += pipeline.variables }
        return pipeline
    }

    private mutating func take(_ kind: TemplateToken.Kind) -> Bool {
        guard tokens.first?.kind == kind else { return false }
        tokens.removeFirst()
        return true
    }

    /// `$x :=`, `$x =` and, of a range, `$place, $value :=`.
    private mutating func variablesOfPipeline(
        isRange: Bool
    ) throws(TemplateError) -> TemplatePipeline {
        var pipeline = TemplatePipeline()
        guard case .variable(let name)? = tokens.first?.kind else { return pipeline }
        var rest = tokens.dropFirst()
        var names = [name]
        if isRange, rest.first?.kind == .comma,
            case .variable(let second)? = rest.dropFirst().first?.kind
        {
            names.append(second)
            rest = rest.dropFirst(2)
        }
        switch rest.first?.kind {
        case .declare: break
        case .assign:
            for name in names where !variables.contains(name) { throw undefined(name) }
            pipeline.isAssignment = true
        default: return pipeline
        }
        tokens = rest.dropFirst()
        pipeline.variables = names
        return pipeline
    }

    private func undefined(_ name: String) -> TemplateError {
        TemplateError("undefined variable \"$\(name)\"")
    }

    private mutating func command(_ depth: Int) throws(TemplateError) -> [TemplateOperand] {
        var operands: [TemplateOperand] = []
        while let token = tokens.first, token.kind != .pipe, token.kind != .close {
            operands.append(try operand(depth))
        }
        if operands.count > 1 {
            switch operands[0] {
            case .function: break
            default: throw TemplateError("can't give argument to non-function")
            }
        }
        return operands
    }

    private mutating func operand(_ depth: Int) throws(TemplateError) -> TemplateOperand {
        guard let token = tokens.popFirst() else { throw TemplateError("missing value") }
        switch token.kind {
        case .dot: return .field([])
        case .field(let name): return .field([name] + fields())
        case .string(let text): return .value(.string(text))
        case .integer(let value): return .value(.integer(value))
        case .number(let value): return .value(.number(value))
        case .variable(let name):
            guard name.isEmpty || variables.contains(name) else { throw undefined(name) }
            return .variable(name, fields())
        case .open:
            let inner = try pipeline(depth: depth + 1)
            guard take(.close) else { throw TemplateError("unclosed left paren") }
            return .pipeline(inner, fields())
        case .word("true"): return .value(.bool(true))
        case .word("false"): return .value(.bool(false))
        case .word("nil"): return .value(.nothing)
        case .word(let name):
            guard let function = TemplateFunction(rawValue: name) else {
                throw TemplateError("function \"\(name)\" not defined")
            }
            return .function(function)
        case .pipe, .comma, .close, .declare, .assign:
            throw TemplateError("unexpected token in operand")
        }
    }

    /// Names that follow without white space: `.Labels.job`.
    private mutating func fields() -> [String] {
        var names: [String] = []
        while let token = tokens.first, !token.isSpaced, case .field(let name) = token.kind {
            names.append(name)
            tokens.removeFirst()
        }
        return names
    }
}

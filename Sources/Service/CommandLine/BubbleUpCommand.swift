extension CommandSpec {
    static let bubbleup = CommandSpec(
        "bubbleup", operands: "'from D | …' 'CONDITION'", operandCount: 1...2,
        summary: "Finds what the events that meet a condition have in common, over all fields.",
        options: questionOptions,
        example: "widefield bubbleup 'from shop | last 3h' 'duration_ms > 20000'",
        run: { arguments, terminal throws(CommandFailure) in
            // With one operand its bubbleup stage names the condition.
            let text = arguments.operands.joined(separator: " | bubbleup where ")
            try ask(text, arguments, terminal, of: "bubbleup")
        })
}

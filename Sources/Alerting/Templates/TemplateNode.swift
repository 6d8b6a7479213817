/// A part of a template that has been read.
indirect enum TemplateNode: Sendable {
    case text(String)
    case action(TemplatePipeline)
    case choice(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
    case with(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
    case range(TemplatePipeline, each: [TemplateNode], otherwise: [TemplateNode])
    /// `template`: what was defined under a name, with the value as the one at hand.
    case template(String, TemplatePipeline?)
    /// `break` and `continue` of the range around it.
    case leave(goesOn: Bool)
}

/// Commands of which each gets the value of the one before as its last argument.
struct TemplatePipeline: Sendable {
    /// Names of variables, without `$`, that get the value; two of a range get place and value.
    var variables: [String] = []
    var isAssignment = false
    var commands: [[TemplateOperand]] = []
}

/// What a command is made of; the first operand may be a function, which gets the others.
indirect enum TemplateOperand: Sendable {
    case value(TemplateValue)
    /// A field of the value at hand; without names the value itself.
    case field([String])
    case variable(String, [String])
    case function(TemplateFunction)
    case pipeline(TemplatePipeline, [String])
}

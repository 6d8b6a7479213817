import Bytes
import EventQuery
import Events
import Glibc
import TestSupport

/// A file of `fixtures/queries`: events, queries and the answers they must have.
struct QueryScript {
    enum Step {
        /// Comments and blank lines, kept for rewriting.
        case other(String)
        case load(lines: [String], events: [ModelEvent])
        case query(text: [String], expected: [String])
    }

    struct Mistake: Error, CustomStringConvertible {
        var description: String
    }

    /// Scripts run at this time: 2026-03-10T15:00:00Z.
    static let now: Int64 = 1_773_154_800_000_000_000

    let path: String
    var steps: [Step] = []

    init(path: String) throws {
        self.path = path
        var lines = try QueryScript.text(of: path).split(
            separator: "\n", omittingEmptySubsequences: false
        ).map(String.init)[...]
        if lines.last == "" { lines.removeLast() }
        while let line = lines.popFirst() {
            if line.isEmpty || line.hasPrefix("#") {
                steps.append(.other(line))
                continue
            }
            let block = lines.prefix { !$0.isEmpty }
            lines = lines.dropFirst(block.count)
            switch line {
            case "load":
                steps.append(.load(lines: Array(block), events: try block.map(QueryScript.event)))
            case "query":
                guard let rule = block.firstIndex(of: "----") else {
                    throw Mistake(description: "\(path): a query without ----")
                }
                let expected = Array(block[rule...].dropFirst())
                steps.append(.query(text: Array(block[..<rule]), expected: expected))
            default: throw Mistake(description: "\(path): neither load nor query: \(line)")
            }
        }
    }

    /// The script as text, with these answers.
    func rewritten(_ answers: [[String]]) -> String {
        var answers = answers[...]
        var lines: [String] = []
        for step in steps {
            switch step {
            case .other(let line): lines.append(line)
            case .load(let block, _): lines += ["load"] + block
            case .query(let text, let expected):
                lines += ["query"] + text + ["----"] + (answers.popFirst() ?? expected)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: - Events

    private static func event(_ line: String) throws -> ModelEvent {
        guard let object = try JSONValue(parsing: line).object,
            let time = object["time"]?.string.flatMap({ RFC3339.nanoseconds($0) })
        else { throw Mistake(description: "an event needs a time: \(line)") }
        var event = ModelEvent(timestamp: time, fields: [:])
        for member in object.members where member.key != "time" {
            switch (member.key, member.value) {
            case ("dataset", .string(let name)): event.dataset = name
            case ("samplerate", .int(let rate)): event.rate = UInt32(rate)
            case (_, .bool(let flag)): event.fields[member.key] = .bool(flag)
            case (_, .int(let number)): event.fields[member.key] = .int(number)
            case (_, .double(let number)): event.fields[member.key] = FieldValue(number: number)
            case (_, .string(let text)): event.fields[member.key] = .string(text)
            default: throw Mistake(description: "no field value: \(line)")
            }
        }
        return event
    }

    // MARK: - Files

    static let folder = projectFile("fixtures/queries")

    /// A path of the project's root, three folders above this file.
    static func projectFile(_ name: String) -> String {
        var parts = #filePath.split(separator: "/")
        parts.removeLast(4)
        return "/" + parts.joined(separator: "/") + "/" + name
    }

    static var allPaths: [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".test") { names.append("\(folder)/\(name)") }
        }
        return names.sorted()
    }

    static func text(of path: String) throws -> String {
        guard let file = fopen(path, "r") else { throw Mistake(description: "no file \(path)") }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        return String(decoding: bytes, as: UTF8.self)
    }

    static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else { throw Mistake(description: "no file \(path)") }
        defer { fclose(file) }
        let bytes = Array(text.utf8)
        guard fwrite(bytes, 1, bytes.count, file) == bytes.count else {
            throw Mistake(description: "cannot write \(path)")
        }
    }
}

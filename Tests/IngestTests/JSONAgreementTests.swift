import Bytes
import Events
import Ingest
import TestSupport
import Testing

/// Events written at random, read by the decoder and by the plain parser of `Bytes`.
@Suite struct JSONAgreementTests {
    struct Writer {
        var random: SeededRandom
        var text = ""

        mutating func chance(_ oneIn: Int) -> Bool {
            Int.random(in: 0..<oneIn, using: &random) == 0
        }

        mutating func space() {
            if chance(6) {
                text += [" ", "  ", "\n", "\t ", "\r\n"].randomElement(using: &random) ?? ""
            }
        }

        mutating func separator(_ mark: String) {
            space()
            text += mark
            space()
        }

        mutating func string(_ length: Int) {
            text += "\""
            for _ in 0..<length {
                switch Int.random(in: 0..<24, using: &random) {
                case 0:
                    text +=
                        ["\\n", "\\\"", "\\\\", "\\/", "\\t"].randomElement(using: &random) ?? ""
                case 1:
                    text +=
                        ["\\u00e9", "\\ud83d\\ude00", "\\u0041"].randomElement(using: &random) ?? ""
                case 2: text += ["é", "漢", "😀"].randomElement(using: &random) ?? ""
                default: text += ["a", "b", "k", ".", " ", "7"].randomElement(using: &random) ?? ""
                }
            }
            text += "\""
        }

        mutating func number() {
            switch Int.random(in: 0..<7, using: &random) {
            case 0: text += "\(Int64.random(in: .min ... .max, using: &random))"
            case 1: text += "\(Int64.random(in: -99...99, using: &random))"
            case 2: text += "\(Double.random(in: -1e3...1e3, using: &random))"
            case 3: text += "\(Double(bitPattern: random.next() & 0xBFEF_FFFF_FFFF_FFFF))"
            case 4: text += "\(random.next())\(random.next())"
            case 5:
                let whole = Int.random(in: 0...99_999, using: &random)
                text += "\(whole).\(random.next() % 1_000_000)"
                text += "e\(Int.random(in: -330...290, using: &random))"
            default: text += "-0"
            }
        }

        mutating func value(_ level: Int) {
            switch Int.random(in: 0..<(level > 12 ? 8 : 10), using: &random) {
            case 0...2: number()
            case 3...5: string(Int.random(in: 0..<40, using: &random))
            case 6: text += ["true", "false"].randomElement(using: &random) ?? ""
            case 7: text += "null"
            default: object(level + 1)
            }
        }

        mutating func object(_ level: Int) {
            text += "{"
            space()
            var names = (0..<14).map { "f\($0)" }
            if chance(3) { names.shuffle(using: &random) }
            var isFirst = true
            for name in names where !chance(4) {
                if !isFirst { separator(",") }
                isFirst = false
                if chance(12) { string(6) } else { text += "\"\(name)\"" }
                separator(":")
                // Few are nested, so that objects end.
                if level > 0 || !chance(5) { value(level + 3) } else { value(level) }
            }
            space()
            text += "}"
        }
    }

    static func flatten(
        _ object: JSONObject, _ prefix: String, _ level: Int,
        into fields: inout [String: FieldValue]
    ) {
        for member in object.members {
            let name = prefix + member.key
            switch member.value {
            case .object(let inner) where level < 10:
                flatten(inner, name + ".", level + 1, into: &fields)
            case .object, .array: Issue.record("the writer writes no such value")
            case .null: fields[name] = nil
            case .bool(let value): fields[name] = .bool(value)
            case .int(let value): fields[name] = .int(value)
            case .double(let value): fields[name] = FieldValue(number: value)
            case .string(let value): fields[name] = .string(value)
            }
        }
    }

    @Test(arguments: [11, 12, 13, 14, 15]) func `both readers find the same fields`(
        seed: UInt64
    ) throws {
        let decoder = JSONEventDecoder()
        var writer = Writer(random: SeededRandom(seed: seed))
        for _ in 0..<15 {
            var objects: [String] = []
            var expected: [[String: FieldValue]] = []
            for _ in 0..<5 {
                writer.text = ""
                writer.object(0)
                guard case .object(let object) = try JSONValue(parsing: writer.text) else {
                    Issue.record("no object: \(writer.text)")
                    return
                }
                if object.isEmpty { continue }
                var fields: [String: FieldValue] = [:]
                JSONAgreementTests.flatten(object, "", 0, into: &fields)
                objects.append(writer.text)
                expected.append(fields)
            }
            let body = "[" + objects.map { "{\"data\":\($0)}" }.joined(separator: ",") + "]"
            let decoded = try decoder.batch(body)
            #expect(decoded.messages == [])
            let rows = decoded.rows()
            try #require(rows.count == expected.count)
            for (index, fields) in expected.enumerated() where rows[index].fields != fields {
                Issue.record("seed \(seed): \(objects[index])\n\(rows[index].fields)\n\(fields)")
            }
        }
    }
}

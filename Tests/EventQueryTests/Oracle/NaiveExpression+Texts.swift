import Compute
import Events
import Glibc

/// What functions of texts and times mean, said with other means than the engine's.
extension NaiveExpression {
    func found(_ name: FunctionName, _ value: FieldValue, _ pattern: FieldValue) -> FieldValue {
        guard case .string(let text) = value, case .string(let pattern) = pattern,
            let expression = try? Regex(pattern)
        else { return name == .countMatches ? .int(0) : .missing }
        if name == .countMatches {
            let ranges = text.matches(of: expression).map(\.range)
            // Unlike here, an empty match right behind another one is not counted.
            let behind = zip(ranges, ranges.dropFirst()).filter {
                $1.isEmpty && $0.upperBound == $1.lowerBound
            }
            return .int(Int64(ranges.count - behind.count))
        }
        guard let match = text.firstMatch(of: expression) else { return .missing }
        let part = match.output.count > 1 ? match.output[1] : match.output[0]
        return part.substring.map { .string(String($0)) } ?? .missing
    }

    /// Bin after bin from the lowest, so that no division decides.
    func bucketLabel(_ values: [FieldValue]) -> FieldValue {
        var numbers: [Double] = []
        for value in values {
            switch value {
            case .int(let number): numbers.append(Double(number))
            case .float(let number): numbers.append(number)
            default: return .missing
            }
        }
        let (x, size) = (numbers[0], numbers[1])
        if size <= 0 { return .missing }
        let low = numbers.count > 2 ? numbers[2] : nil
        if let low, x < low { return .string("< \(short(low))") }
        if numbers.count > 3, x > numbers[3] { return .string("> \(short(numbers[3]))") }
        var bin = ((x - (low ?? 0)) / size).rounded(.up) - 1
        if low != nil, bin < 0 { bin = 0 }
        let start = (low ?? 0) + bin * size
        let end = min((low ?? 0) + (bin + 1) * size, numbers.count > 3 ? numbers[3] : .infinity)
        guard start.isFinite, end.isFinite else { return .missing }
        return .string("\(short(start)) - \(short(end))")
    }

    /// Twelve digits, as `printf` rounds them.
    private func short(_ number: Double) -> String {
        if let whole = Int64(exactly: number) { return "\(whole)" }
        var text = [CChar](repeating: 0, count: 64)
        let length = withVaList([number]) { vsnprintf(&text, text.count, "%.12g", $0) }
        let rounded = String(
            decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let value = Double(rounded) ?? number
        return Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }

    /// The C library's `strftime`.
    func formatTime(_ format: FieldValue, _ seconds: FieldValue) -> FieldValue {
        guard case .string(let format) = format else { return .missing }
        let number: Double
        switch seconds {
        case .int(let whole): number = Double(whole)
        case .float(let fraction): number = fraction
        default: return .missing
        }
        guard number >= -62_167_219_200, number < 253_402_300_800 else { return .missing }
        var time = time_t(number.rounded(.down))
        var parts = tm()
        gmtime_r(&time, &parts)
        var text = [CChar](repeating: 0, count: 4096)
        // A byte more tells an empty text from one that did not fit.
        let length = strftime(&text, text.count, format + ".", &parts)
        let bytes = text.prefix(length).dropLast().map { UInt8(bitPattern: $0) }
        return .string(String(decoding: bytes, as: UTF8.self))
    }
}

/// MetroHash64 as its reference code reads, with one number a step, as a share of 1.
func naiveMetroHash(_ bytes: [UInt8]) -> Double {
    Double(naiveMetroHash64(bytes) / 2048) / 9_007_199_254_740_992
}

func naiveMetroHash64(_ bytes: [UInt8]) -> UInt64 {
    let k: [UInt64] = [0xD6D0_18F5, 0xA2AA_033B, 0x6299_2FC1, 0x30BC_5B29]
    var rest = bytes[...]
    func turn(_ value: UInt64, _ by: Int) -> UInt64 { value >> by | value << (64 - by) }
    func take(_ count: Int) -> UInt64 {
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    var hash = k[2] &* k[0]
    if rest.count >= 32 {
        var v = [hash, hash, hash, hash]
        while rest.count >= 32 {
            for lane in 0..<4 {
                v[lane] = turn(v[lane] &+ take(8) &* k[lane], 29) &+ v[(lane + 2) % 4]
            }
        }
        v[2] ^= turn((v[0] &+ v[3]) &* k[0] &+ v[1], 37) &* k[1]
        v[3] ^= turn((v[1] &+ v[2]) &* k[1] &+ v[0], 37) &* k[0]
        v[0] ^= turn((v[0] &+ v[2]) &* k[0] &+ v[3], 37) &* k[1]
        v[1] ^= turn((v[1] &+ v[3]) &* k[1] &+ v[2], 37) &* k[0]
        hash &+= v[0] ^ v[1]
    }
    if rest.count >= 16 {
        var a = turn(hash &+ take(8) &* k[2], 29) &* k[3]
        var b = turn(hash &+ take(8) &* k[2], 29) &* k[3]
        a ^= turn(a &* k[0], 21) &+ b
        b ^= turn(b &* k[3], 21) &+ a
        hash &+= b
    }
    for (count, by) in [(8, 55), (4, 26), (2, 48), (1, 37)] where rest.count >= count {
        hash &+= take(count) &* k[3]
        hash ^= turn(hash, by) &* k[1]
    }
    hash ^= turn(hash, 28)
    hash &*= k[0]
    return hash ^ turn(hash, 29)
}

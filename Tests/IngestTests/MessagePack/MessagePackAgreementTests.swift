import Bytes
import Events
import Ingest
import TestSupport
import Testing

/// Events written at random, read as JSON and as MessagePack.
@Suite struct MessagePackAgreementTests {
    @Test(arguments: [21, 22, 23, 24, 25, 26]) func `both formats make the same fields`(
        seed: UInt64
    ) throws {
        let json = JSONEventDecoder()
        let packed = MessagePackEventDecoder()
        var writer = JSONAgreementTests.Writer(random: SeededRandom(seed: seed))
        for round in 0..<30 {
            var texts: [String] = []
            var elements: [[UInt8]] = []
            for index in 0..<8 {
                writer.text = ""
                writer.object(0)
                let rate = Int64(1 + index * 7)
                let time = Int64(1_773_151_200_000) + Int64(index)
                texts.append(#"{"time":\#(time),"samplerate":\#(rate),"data":\#(writer.text)}"#)
                var element = PackedBytes(random: SeededRandom(seed: seed &* 1000 &+ UInt64(round)))
                element.append([
                    "samplerate": .int(rate), "time": .int(time), "other": [1, ["a": .null]],
                    "data": try JSONValue(parsing: writer.text),
                ])
                elements.append(element.bytes)
            }
            let fromJSON = try json.batch("[" + texts.joined(separator: ",") + "]")
            let fromPacked = try packed.batch(PackedBytes.batch(elements))
            #expect(fromJSON.rejections == fromPacked.rejections)
            #expect(fromJSON.rows() == fromPacked.rows(), "seed \(seed): \(texts)")
        }
    }

    @Test(arguments: [
        #"{"a":[1,-2,"x",null,true,{"b":[],"c":{}}]}"#, #"{"a":{"b":{"c":[{"d":1.5}]}}}"#,
        #"{"a":[]}"#, #"{"a":{}}"#, #"{"":1}"#, #"{"a":{"":{"b":2}}}"#,
        #"{"l1":{"l2":{"l3":{"l4":{"l5":{"l6":{"l7":{"l8":{"l9":{"l10":{"l11":{"x":[1]}}}}}}}}}}}}"#,
        #"{"a":"\u00e9\ud83d\ude00\n\"\\"}"#, #"{"a":["é\n\"\\"]}"#, #"{"a":1,"a":null}"#,
        #"{"a":{"b":1},"a.b":2}"#,
    ]) func `what is nested has the same names and texts in both formats`(text: String) throws {
        var packed = PackedBytes()
        packed.append(try JSONValue(parsing: text))
        let decoder = MessagePackEventDecoder()
        // The second time its keys are known.
        for _ in 0..<2 {
            #expect(
                try decoder.event(packed.bytes).rows() == JSONEventDecoder().event(text).rows())
        }
    }
}

extension MessagePackEventDecoder {
    func event(_ bytes: [UInt8]) throws(BodyRefusal) -> Decoded {
        try decodeEvent(PaddedBytes(bytes), dataset: "shop", receivedAt: arrival)
    }

    func batch(_ bytes: [UInt8]) throws(BodyRefusal) -> Decoded {
        try decodeBatch(PaddedBytes(bytes), dataset: "shop", receivedAt: arrival)
    }
}

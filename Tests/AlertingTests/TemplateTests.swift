import SeriesStore
import Testing

@testable import Alerting

/// What templates become; expected texts are those of Prometheus 2.42's promtool.
@Suite struct TemplateTests {
    private func expanded(_ text: String, value: Double = 123_456_789) throws -> String {
        let labels = Labels([Label("__name__", "x"), Label("a", "b"), Label("b", "2")])
        let data = TemplateData(
            labels: labels, value: value, externalLabels: Labels([Label("cluster", "c1")]),
            externalURL: "http://w:80/p/", time: 1_000_000
        ) { query, time in
            #expect(time == 1_000_000)
            if query == "none" { return [] }
            return [
                (Labels([Label("job", "z"), Label("query", query)]), 2),
                (Labels([Label("job", "a")]), 1.5),
            ]
        }
        return try Template(text).expanded(data)
    }

    @Test(arguments: [
        ("plain }} text", "plain }} text"),
        ("{{ $value }}", "1.23456789e+08"),
        (
            "{{ printf \"%g|%v|%s|%.3g|%5.1f|%d\" $value $value $value $value $value $value }}",
            "1.23456789e+08|1.23456789e+08|%!s(float64=1.23456789e+08)|1.23e+08|123456789.0|"
                + "%!d(float64=1.23456789e+08)"
        ),
        ("{{ 1e6 }} {{ 1234567.0 }} {{ 21000000.0 }} {{ 0.5 }}", "1e+06 1.234567e+06 2.1e+07 0.5"),
        ("{{ $labels }}", "map[__name__:x a:b b:2]"),
        ("{{ . }}", "{map[__name__:x a:b b:2] map[cluster:c1] http://w:80/p/ 1.23456789e+08}"),
        ("{{ humanizeTimestamp 1e9 }}", "2001-09-09 01:46:40 +0000 UTC"),
        ("{{ toTime 5.5 }}", "1970-01-01 00:00:05.5 +0000 UTC"),
        ("{{ humanizeDuration 93784 }}", "1d 2h 3m 4s"),
        ("{{ humanizeDuration 0.0123 }} {{ humanizeDuration -61 }}", "12.3ms -1m 1s"),
        ("{{ humanize 1234567.0 }} {{ humanize 0.0012 }} {{ humanize 0.0 }}", "1.235M 1.2m 0"),
        ("{{ humanize1024 2048.0 }} {{ \"1e9\" | humanize }}", "2ki 1G"),
        ("{{ humanizePercentage 0.06 }} {{ humanizePercentage 0.12345 }}", "6% 12.35%"),
        ("{{ parseDuration \"1h\" }} {{ len \"abc\" }} {{ index \"abc\" 1 }}", "3600 3 98"),
        ("{{ title \"ab cd\" }} {{ toUpper \"a\" }}", "Ab Cd A"),
        ("{{ .Labels.nope }}|{{ $labels.nope }}|", "||"),
        ("{{ with $x := 3 }}{{ $x }}{{ end }}", "3"),
        ("{{ stripPort \"a:9\" }} {{ stripDomain \"a.b.c:80\" }}", "a a:80"),
        (
            "{{ pathPrefix }} {{ externalURL }} {{ $externalLabels.cluster }}",
            "/p http://w:80/p/ c1"
        ),
        (
            "{{ match \"a.*\" \"abc\" }} {{ reReplaceAll \"(b)\" \"<$1>\" \"abcb\" }}",
            "true a<b>c<b>"
        ),
        ("{{ reReplaceAll \"x*\" \"-\" \"äb\" }}", "-ä-b-"),
        ("{{ graphLink \"x{a=\\\"b\\\"}\" }}", "/graph?g0.expr=x%7Ba%3D%22b%22%7D&g0.tab=0"),
        ("{{ query \"q\" | first | value }} {{ query \"q\" | first | label \"job\" }}", "2 z"),
        ("{{ (query \"q\" | first).Labels.query }}", "q"),
        (
            "{{ range query \"q\" | sortByLabel \"job\" }}{{ .Labels.job }}={{ .Value }};{{ end }}",
            "a=1.5;z=2;"
        ),
        ("{{ range query \"none\" }}x{{ else }}nothing{{ end }}", "nothing"),
        ("{{ range $i, $e := query \"q\" }}{{ $i }}{{ $e.Labels.job }}{{ end }}", "0z1a"),
        (
            "{{ range query \"q\" }}{{ if eq .Value 2.0 }}{{ continue }}{{ end }}{{ .Value }}{{ end }}",
            "1.5"
        ),
        ("{{ if eq $labels.a \"b\" }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ if gt $value 1e10 }}a{{ else if gt $value 1e3 }}b{{ else }}c{{ end }}", "b"),
        ("{{ if and $labels.a (not $labels.c) }}both{{ end }}", "both"),
        ("{{ $n := 1 }}{{ range query \"q\" }}{{ $n = 5 }}{{ end }}{{ $n }}", "5"),
        ("a {{- \" b \" -}} c {{/* nothing */}}d", "a b c d"),
        ("{{ `raw\\n` }} {{ \"x\\ty\" }} {{ 'a' }}", "raw\\n x\ty 97"),
        ("{{ printf \"%q %05d %-4s|%x\" \"a\\\"\" 42 \"ab\" 255 }}", "\"a\\\"\" 00042 ab  |ff"),
        ("{{ print 1 2 \"a\" 3 }} {{ or \"\" \"d\" }}", "1 2a3 d"),
        ("{{ define \"x\" }}[{{ . }}]{{ end }}{{ template \"x\" $value }}", "[1.23456789e+08]"),
        ("{{ define \"x\" }}{{ .a }}{{ end }}{{ template \"x\" $labels }}", "b"),
        ("{{ template \"x\" }}{{ define \"x\" }}{{ . }}{{ end }}", "<no value>"),
        ("{{ block \"x\" 7 }}<{{ $ }}>{{ end }}{{ template \"x\" 8 }}", "<7><8>"),
        ("{{ define \"x\" }}a{{ . }}{{ end }}{{ tmpl \"x\" 5 | toUpper }}", "A5"),
        (
            "{{ define \"x\" }}{{ range . }}{{ template \"y\" .Value }};{{ end }}{{ end }}"
                + "{{ define \"y\" }}{{ printf \"%.0f\" . }}{{ end }}{{ template \"x\" query \"q\" }}",
            "2;2;"
        ),
        ("{{ html \"<a>\" }} {{ urlquery \"a b&\" }}", "&lt;a&gt; a+b%26"),
    ])
    func `a template becomes what Prometheus makes of it`(
        _ template: String, _ text: String
    ) throws {
        #expect(try expanded(template) == text)
    }

    @Test(arguments: [
        "{{", "{{ }", "{{ nope }}", "{{ $nope }}", "{{ if }}a{{ end }}", "{{ if 1 }}", "{{ end }}",
        "{{ else }}", "{{ 1 2 }}", "{{ \"a }}", "{{ ( 1 }}", "{{ 1 | 2 }}", "{{ break }}",
        "{{ range 1 }}{{ else if 2 }}{{ end }}", "{{ define \"a\" }}", "{{ /* a }}",
        "{{ template x }}", "{{ define \"x\" }}{{ $value }}{{ end }}",
        "{{ if 1 }}{{ define \"x\" }}{{ end }}{{ end }}", "{{ define x }}{{ end }}",
        "{{ define \"x\" }}a{{ end }}{{ define \"x\" }}b{{ end }}", "{{ block \"x\" }}{{ end }}",
        "{{ range 1 }}{{ block \"x\" 1 }}{{ break }}{{ end }}{{ end }}",
        "{{ $x = 1 }}", "{{ 1x }}", "{{ | 1 }}",
    ])
    func `a template that cannot be is refused when it is read`(_ text: String) {
        #expect(throws: TemplateError.self) { try Template(text) }
    }

    @Test(arguments: [
        ("{{ .Nope }}", "can't evaluate field Nope"),
        ("{{ query \"none\" | first }}", "first() called on vector with no elements"),
        ("{{ humanize \"x\" }}", "strconv.ParseFloat"),
        ("{{ index \"abc\" 9 }}", "out of range"), ("{{ match \"(\" \"a\" }}", "regexp"),
        ("{{ lt 1 2.0 }}", "incompatible types"), ("{{ range 1 }}{{ end }}", "can't iterate"),
        ("{{ query }}", "wrong number of args for query"),
        ("{{ template \"x\" }}", "not defined"), ("{{ tmpl \"x\" 1 }}", "not defined"),
        ("{{ tmpl 1 }}", "expected a name"),
        (
            "{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}",
            "within one another"
        ),
    ])
    func `what goes wrong stands in the text`(_ template: String, _ part: String) throws {
        let text = try expanded(template)
        #expect(text.hasPrefix("<error expanding template: ") && text.contains(part), "\(text)")
    }

    @Test func `what a template may become has a bound`() throws {
        let loop = "{{ range $labels }}"
        let nested =
            String(repeating: loop, count: 12) + "0123456789"
            + String(repeating: "{{ end }}", count: 12)
        #expect(try expanded(nested).contains("more than"))
        let deep = String(repeating: "{{ if 1 }}", count: 1000)
        #expect(throws: TemplateError.self) { try Template(deep) }
        #expect(throws: TemplateError.self) {
            try Template("{{ \(String(repeating: "(", count: 1000))1 }}")
        }
    }

    @Test func `any text is a template or refused`() {
        let text = Array(
            "{{ range $i, $e := query \"q\" -}} {{ printf \"%5.2f\" .Value }}{{ end }}".utf8)
        for end in text.indices {
            _ = try? expanded(String(decoding: text[..<end], as: UTF8.self))
            for bit in 0..<7 {
                var flipped = text
                flipped[end] ^= 1 << bit
                _ = try? expanded(String(decoding: flipped, as: UTF8.self))
            }
        }
    }
}

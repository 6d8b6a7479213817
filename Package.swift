// swift-tools-version: 6.2
import PackageDescription

/// Settings every Swift target shares: a warning is an error, and what leaks is written down.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

func swiftTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func swiftTests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// The readers of hostile input: tests that replay its corpora or, for `make fuzz`, libFuzzer's loop around one of them.
let isFuzzing = Context.environment["WIDEFIELD_FUZZ"] != nil
let readersOfHostileInput: Target = {
    let readers: [Target.Dependency] = [
        "Service", "EventQuery", "EventStore", "Ingest", "Events", "Bytes",
    ]
    return isFuzzing
        ? .executableTarget(
            name: "fuzz", dependencies: readers, path: "Tests/HostileTests",
            exclude: ["HostileCorpusTests.swift"], swiftSettings: strict)
        : .testTarget(
            name: "HostileTests", dependencies: readers, exclude: ["FuzzMain.swift"],
            swiftSettings: strict)
}()

let package = Package(
    name: "widefield",
    products: [.executable(name: "widefield", targets: ["widefield"])],
    targets: [
        // C libraries of Debian, and the C that Swift cannot say.
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CDeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CGnuTLS", providers: [.apt(["libgnutls28-dev"])]),
        .systemLibrary(name: "CNghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CYaml", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
        .systemLibrary(name: "CEpoll"),
        .target(name: "CMicrohttpd", linkerSettings: [.linkedLibrary("microhttpd")]),
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),
        // libm: rounding of floats; the core targets import no C library of their own.
        .target(name: "CKernels", linkerSettings: [.linkedLibrary("m")]),

        // The floors.
        swiftTarget("Bytes", ["CKernels", "CZstd", "CDeflate", "CSnappy", "CRE2"]),
        swiftTarget("Host", ["Bytes", "CKernels"]),

        // The road, in the order the data goes.
        swiftTarget("Events", ["Bytes"]),
        swiftTarget("Compute", ["Events", "Bytes", "CKernels"]),
        swiftTarget("Ingest", ["Events", "Bytes", "CKernels"]),
        swiftTarget("EventStore", ["Compute", "Host", "Events", "Bytes", "CKernels"]),
        swiftTarget("EventQuery", ["EventStore", "Compute", "Host", "Events", "Bytes"]),
        swiftTarget("SeriesStore", ["Host", "Bytes", "CKernels"]),
        swiftTarget(
            "Metrics", ["EventQuery", "SeriesStore", "Compute", "Events", "Bytes", "CKernels"]),
        swiftTarget(
            "Alerting",
            [
                "Metrics", "EventQuery", "SeriesStore", "Compute", "Events", "Bytes", "CKernels",
                "CYaml",
            ]),
        .target(
            name: "Service",
            dependencies: [
                "Alerting", "Metrics", "EventQuery", "SeriesStore", "EventStore", "Ingest",
                "Compute", "Host",
                "Events", "Bytes", "CMicrohttpd", "CGnuTLS", "CNghttp2", "CEpoll",
                "CCurl",
            ],
            // The page is part of the binary.
            resources: [
                "index.html", "page.css", "page.js", "chart.js", "table.js", "comparison.js",
                "dom.js", "icon.svg",
            ].map { .embedInCode("Page/\($0)") },
            swiftSettings: strict),
        .executableTarget(name: "widefield", dependencies: ["Service"], swiftSettings: strict),

        // A simulated machine, and events as plain values; only tests import it.
        swiftTarget("TestSupport", ["Events", "Host"]),

        swiftTests("BytesTests", ["Bytes"]),
        swiftTests("HostTests", ["Host", "TestSupport"]),
        swiftTests(
            "ServiceTests",
            [
                "Service", "SeriesStore", "Metrics", "Alerting", "EventQuery", "EventStore",
                "Events", "Host", "Bytes", "TestSupport",
            ]),
        swiftTests("EventsTests", ["Events", "Bytes", "TestSupport"]),
        swiftTests("ComputeTests", ["Compute", "Events", "Bytes", "TestSupport"]),
        swiftTests("IngestTests", ["Ingest", "Events", "Bytes", "TestSupport"]),
        swiftTests("EventStoreTests", ["EventStore", "Events", "Host", "Bytes", "TestSupport"]),
        swiftTests("SeriesStoreTests", ["SeriesStore", "Host", "Bytes", "TestSupport"]),
        swiftTests(
            "MetricsTests",
            [
                "Metrics", "EventQuery", "EventStore", "SeriesStore", "Compute", "Events", "Host",
                "Bytes", "TestSupport",
            ]),
        swiftTests(
            "AlertingTests",
            [
                "Alerting", "Metrics", "EventQuery", "SeriesStore", "Compute", "Events", "Host",
                "Bytes", "TestSupport",
            ]),
        swiftTests("TidyTests", []),
        readersOfHostileInput,
        swiftTests(
            "EventQueryTests",
            ["EventQuery", "EventStore", "Compute", "Events", "Host", "Bytes", "TestSupport"]),
    ],
    cxxLanguageStandard: .cxx17
)

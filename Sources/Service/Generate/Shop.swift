/// The shop whose events are generated: its services, where they run, what is deployed.
struct Shop {
    /// A part of the shop that runs in pods of its own.
    enum ServiceName: Int, CaseIterable {
        case frontend, catalog, search, cart, checkout, pricing, payment, inventory, shipping
        case recommendations, accounts, notifications

        var text: String { "\(self)" }
    }

    /// One process of a service, and what all its spans say of where they ran.
    struct Pod {
        let service: ServiceName
        /// Members of a JSON object, each with a comma after it.
        let members: [UInt8]
    }

    /// What is running of a service.
    struct Deployment {
        let id: String
        let version: String
    }

    static let userCount = 1_000_000

    /// By service: the pods of the deployment that runs from the start to the end.
    let stable: [[Pod]]
    /// The pods of the payment deployment that fails; see `Incidents`.
    let faultyPayment: [Pod]
    let faultyPaymentDeployment: Deployment

    init(seed: UInt64) {
        var random = ShopRandom(seed: seed ^ 0x5348_4F50)
        let nodes = (0..<24).map { _ in "ip-10-3-\(random.below(256))-\(random.below(256))" }
        var stable: [[Pod]] = []
        for service in ServiceName.allCases {
            let deployment = Shop.deployment(of: service, &random)
            stable.append(Shop.pods(4 + random.below(9), of: service, deployment, nodes, &random))
        }
        self.stable = stable
        faultyPaymentDeployment = Shop.deployment(of: .payment, &random)
        faultyPayment = Shop.pods(6, of: .payment, faultyPaymentDeployment, nodes, &random)
    }

    private static func deployment(
        of service: ServiceName, _ random: inout ShopRandom
    ) -> Deployment {
        Deployment(
            id: "dep-\(service.text)-\(hexadecimal(random.next(), digits: 6))",
            version: "\(2 + random.below(4)).\(random.below(40)).\(random.below(9))")
    }

    private static func pods(
        _ count: Int, of service: ServiceName, _ deployment: Deployment, _ nodes: [String],
        _ random: inout ShopRandom
    ) -> [Pod] {
        let stack: (language: String, runtime: String, library: String) = random.pick([
            ("go", "go1.24.2", "otelgrpc"), ("java", "21.0.5", "spring-webmvc"),
            ("nodejs", "22.11.0", "express"), ("swift", "6.3.1", "hummingbird"),
        ])
        let commit = hexadecimal(random.next(), digits: 12)
        let build = 4000 + random.below(900)
        let team = random.pick(["storefront", "orders", "money", "platform"])
        let replicas = hexadecimal(random.next(), digits: 10)
        return (0..<count).map { _ in
            let zone = random.below(3)
            let pod = "\(service.text)-\(replicas)-\(letters(5, &random))"
            var line = JSONLine()
            line.member("service.name", service.text)
            line.member("service.version", deployment.version)
            line.member("library.name", stack.library)
            line.member("library.ver", "1.\(20 + stack.library.utf8.count).0")
            line.member("sdk.lang", stack.language)
            line.member("sdk.ver", "1.31.0")
            line.member("runtime", stack.runtime)
            line.member("process.pid", 1 + random.below(40))
            line.member("env", "prod")
            line.member("deployment_id", deployment.id)
            line.member("git.sha", commit)
            line.member("build_id", build)
            line.member("team", team)
            line.member("host.arch", "arm64")
            line.member("os.type", "linux")
            line.member("cloud.provider", "aws")
            line.member("cloud.region", "eu-central-1")
            line.member("cloud.az", "eu-central-1\(["a", "b", "c"][zone])")
            line.member("k8s.cluster", "shop-eu-1")
            line.member("k8s.namespace", "shop")
            line.member("k8s.node.name", nodes[(random.below(8)) * 3 + zone])
            line.member("k8s.pod.name", pod)
            return Pod(service: service, members: line.bytes)
        }
    }

    private static func letters(_ count: Int, _ random: inout ShopRandom) -> String {
        String((0..<count).map { _ in random.pick(Array("bcdfghjklmnpqrstvwxz2456789")) })
    }
}

/// The last digits of a number in base 16.
func hexadecimal(_ value: UInt64, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(
        (String(repeating: "0", count: max(0, digits - text.count)) + text).suffix(digits))
}

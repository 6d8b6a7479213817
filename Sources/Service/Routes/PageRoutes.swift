/// `GET /`: the page and its assets, which are part of the binary.
struct PageRoutes: Sendable {
    var routes: [Route] {
        let script = "text/javascript; charset=utf-8"
        return [
            PageRoutes.asset("/", "text/html; charset=utf-8", PackageResources.index_html),
            PageRoutes.asset(
                "/assets/page.css", "text/css; charset=utf-8", PackageResources.page_css),
            PageRoutes.asset("/assets/page.js", script, PackageResources.page_js),
            PageRoutes.asset("/assets/chart.js", script, PackageResources.chart_js),
            PageRoutes.asset("/assets/table.js", script, PackageResources.table_js),
            PageRoutes.asset("/assets/comparison.js", script, PackageResources.comparison_js),
            PageRoutes.asset("/assets/dom.js", script, PackageResources.dom_js),
            PageRoutes.asset("/assets/icon.svg", "image/svg+xml", PackageResources.icon_svg),
        ]
    }

    /// A file of the page; browsers ask again each time, for a new binary brings a new page.
    private static func asset(_ path: String, _ type: String, _ body: [UInt8]) -> Route {
        Route("GET", path, nil) { _ in
            HTTPResponse(
                status: 200, headers: ["Content-Type": type, "Cache-Control": "no-cache"],
                body: body)
        }
    }
}
